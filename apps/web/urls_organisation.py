"""Pages of an organisation that join stages: overview and checklist."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
