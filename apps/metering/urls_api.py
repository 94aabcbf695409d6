"""REST addresses of this stage, under /api/v1/."""

from django.urls import path

from apps.metering.api import OneUsage, Usage

urlpatterns = [
    path("usage", Usage.as_view(), name="api-usage"),
    path("usage/<str:usage_id>", OneUsage.as_view(), name="api-usage-event"),
]
