"""Addresses for nodes and runs, under /internal/v1/ (docs/internal-api.md)."""

from django.urls import URLPattern, path

from apps.training.internal import Checkpoint, Claim, DatasetBytes, Files, Heartbeat

urlpatterns: list[URLPattern] = [
    path("runs/claim", Claim.as_view(), name="run-claim"),
    path("runs/<str:run_id>/heartbeat", Heartbeat.as_view(), name="run-heartbeat"),
    path("runs/<str:run_id>/dataset", DatasetBytes.as_view(), name="run-dataset"),
    path("runs/<str:run_id>/files/<str:name>", Files.as_view(), name="run-file"),
    path("runs/<str:run_id>/checkpoint", Checkpoint.as_view(), name="run-checkpoint"),
]
