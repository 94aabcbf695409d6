"""REST addresses of this stage, under /api/v1/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
