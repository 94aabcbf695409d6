"""Addresses of the console beside those of the admin site; staff only."""

from django.contrib import admin
from django.urls import path

from apps.console import money

urlpatterns = [
    path("money/", admin.site.admin_view(money.revenue), name="console-revenue"),
    path("money/preview", admin.site.admin_view(money.preview), name="console-price-preview"),
    path("money/statement/<slug:slug>", admin.site.admin_view(money.statement), name="console-statement"),
]
