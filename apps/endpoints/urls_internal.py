"""Addresses for nodes and runs, under /internal/v1/ (docs/internal-api.md)."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
