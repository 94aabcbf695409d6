"""Addresses for nodes, under /internal/v1/."""

from django.urls import path

from apps.learning import internal

urlpatterns = [path("requests", internal.Requests.as_view(), name="internal-requests")]
