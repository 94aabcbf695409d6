"""Addresses for nodes and batch workers, under /internal/v1/ (docs/internal-api.md)."""

from django.urls import path

from apps.endpoints import internal, internal_batches

urlpatterns = [
    path("config", internal.Config.as_view(), name="internal-config"),
    path("packages/<str:sha256>/<str:name>", internal.PackageFile.as_view(), name="internal-package"),
    path("serving/status", internal.ServingStatus.as_view(), name="internal-serving-status"),
    path("batches/claim", internal_batches.BatchClaim.as_view(), name="internal-batch-claim"),
    path("batches/<str:batch>/input", internal_batches.BatchInput.as_view(), name="internal-batch-input"),
    path("batches/<str:batch>/files/<str:name>", internal_batches.BatchFile.as_view(), name="internal-batch-file"),
    path("batches/<str:batch>/progress", internal_batches.BatchProgress.as_view(), name="internal-batch-progress"),
    path("batches/<str:batch>/finish", internal_batches.BatchFinish.as_view(), name="internal-batch-finish"),
    path("batches/<str:batch>/<str:name>", internal_batches.BatchPackage.as_view(), name="internal-batch-package"),
]
