"""REST addresses of this stage, under /api/v1/."""

from django.urls import path

from apps.metering.api import OneUsage, Usage, UsageFeed

urlpatterns = [
    path("usage", Usage.as_view(), name="api-usage"),
    path("usage-events", UsageFeed.as_view(), name="api-usage-events"),
    path("usage/<str:usage_id>", OneUsage.as_view(), name="api-usage-event"),
]
