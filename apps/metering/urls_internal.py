"""Addresses for nodes and runs, under /internal/v1/ (docs/internal-api.md)."""

from django.urls import path

from apps.metering.internal import Leases, LeasesClose, Usage

urlpatterns = [
    path("leases", Leases.as_view(), name="internal-leases"),
    path("leases/close", LeasesClose.as_view(), name="internal-leases-close"),
    path("usage", Usage.as_view(), name="internal-usage"),
]
