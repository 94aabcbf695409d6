"""Addresses for nodes and runs, under /internal/v1/ (docs/internal-api.md)."""

from django.urls import URLPattern, path

from apps.registry.internal import Finish

urlpatterns: list[URLPattern] = [path("runs/<str:run_id>/finish", Finish.as_view(), name="run-finish")]
