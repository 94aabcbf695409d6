"""Pages of this stage, under /o/<organisation>/."""

from django.urls import path

from apps.training.views import again, new_run, runs

app_name = "training"
urlpatterns = [
    path("runs/", runs.runs, name="list"),
    path("runs/new", new_run.new_run, name="new"),
    path("runs/estimate", new_run.estimate, name="estimate"),
    path("runs/compare", again.compare, name="compare"),
    path("runs/<str:run_id>/again", again.again, name="again"),
    path("runs/<str:run_id>/", runs.run_page, name="page"),
    path("runs/<str:run_id>/live", runs.run_live, name="live"),
    path("runs/<str:run_id>/cancel", runs.cancel, name="cancel"),
]
