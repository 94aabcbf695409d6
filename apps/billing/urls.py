"""Pages of this stage, under /o/<organisation>/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
