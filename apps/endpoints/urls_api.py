"""REST addresses of this stage, under /api/v1/."""

from django.urls import path

from apps.endpoints import api, api_batches
from apps.endpoints.api_analytics import EndpointAnalytics

urlpatterns = [
    path("endpoints", api.Endpoints.as_view(), name="api-endpoints"),
    path("endpoints/<str:endpoint>", api.EndpointDetail.as_view(), name="api-endpoint"),
    path("endpoints/<str:endpoint>/analytics", EndpointAnalytics.as_view(), name="api-endpoint-analytics"),
    path("endpoints/<str:endpoint>/rollback", api.EndpointRollback.as_view(), name="api-endpoint-rollback"),
    path("batches", api_batches.Batches.as_view(), name="api-batches"),
    path("batches/<str:batch>", api_batches.BatchDetail.as_view(), name="api-batch"),
    path("batches/<str:batch>/cancel", api_batches.BatchCancel.as_view(), name="api-batch-cancel"),
    path("batches/<str:batch>/result", api_batches.BatchResult.as_view(), name="api-batch-result"),
]
