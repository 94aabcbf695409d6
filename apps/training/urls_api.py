"""REST addresses of this stage, under /api/v1/."""

from django.urls import URLPattern, path

from apps.training.api import CancelRun, EstimateRun, OneRun, Pools, RunEvents, RunLogs, Runs

urlpatterns: list[URLPattern] = [
    path("pools", Pools.as_view(), name="api-pools"),
    path("runs", Runs.as_view(), name="api-runs"),
    path("runs/estimate", EstimateRun.as_view(), name="api-run-estimate"),
    path("runs/<str:run_id>", OneRun.as_view(), name="api-run"),
    path("runs/<str:run_id>/cancel", CancelRun.as_view(), name="api-run-cancel"),
    path("runs/<str:run_id>/events", RunEvents.as_view(), name="api-run-events"),
    path("runs/<str:run_id>/logs", RunLogs.as_view(), name="api-run-logs"),
]
