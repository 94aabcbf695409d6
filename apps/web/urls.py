"""Pages outside any organisation: landing, home, error codes."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
