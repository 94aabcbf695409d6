"""Addresses for nodes and runs, under /internal/v1/ (docs/internal-api.md)."""

from django.urls import URLPattern, path

from apps.compute.internal import Hello

urlpatterns: list[URLPattern] = [path("nodes/hello", Hello.as_view(), name="node-hello")]
