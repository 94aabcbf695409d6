"""REST addresses of this stage, under /api/v1/."""

from django.urls import URLPattern, path

from apps.datasets.api import Datasets, OneDataset, OneVersion, VersionPreview, Versions

urlpatterns: list[URLPattern] = [
    path("datasets", Datasets.as_view(), name="api-datasets"),
    path("datasets/<str:dataset_id>", OneDataset.as_view(), name="api-dataset"),
    path("datasets/<str:dataset_id>/versions", Versions.as_view(), name="api-dataset-versions"),
    path("datasets/<str:dataset_id>/versions/<str:version_id>", OneVersion.as_view(), name="api-dataset-version"),
    path(
        "datasets/<str:dataset_id>/versions/<str:version_id>/preview",
        VersionPreview.as_view(),
        name="api-dataset-preview",
    ),
]
