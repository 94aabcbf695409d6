"""Pages of this stage, under /o/<organisation>/."""

from django.urls import path

from apps.datasets.views import datasets, versions

app_name = "datasets"
urlpatterns = [
    path("datasets/", datasets.datasets, name="list"),
    path("datasets/new", datasets.new_dataset, name="new"),
    path("datasets/samples/<slug:sample>", datasets.use_sample, name="sample"),
    path("datasets/<str:dataset_id>/", datasets.dataset_page, name="page"),
    path("datasets/<str:dataset_id>/upload", datasets.upload, name="upload"),
    path("datasets/<str:dataset_id>/delete", datasets.delete, name="delete"),
    path("datasets/<str:dataset_id>/versions/<str:version_id>/", versions.version_page, name="version"),
    path("datasets/<str:dataset_id>/versions/<str:version_id>/live", versions.version_live, name="version-live"),
]
