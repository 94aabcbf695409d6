"""Pages of this stage, under /o/<organisation>/."""

from django.urls import path

from apps.registry.views import labels, models, versions

app_name = "registry"
urlpatterns = [
    path("models/", models.models, name="list"),
    path("models/<str:model_id>/", models.model_page, name="model"),
    path("model-versions/<str:version_id>/", versions.version_page, name="version"),
    path("model-versions/<str:version_id>/labels", labels.labels, name="labels"),
    path("model-versions/<str:version_id>/files/<str:name>", versions.download, name="file"),
]
