"""Addresses of the console beside those of the admin site; staff only."""

from django.contrib import admin
from django.urls import path

from apps.console import corrections, money

urlpatterns = [
    path("money/", admin.site.admin_view(money.revenue), name="console-revenue"),
    path("money/corrections", admin.site.admin_view(corrections.corrections), name="console-corrections"),
    path(
        "money/corrections/new/<slug:kind>/<str:subject>",
        admin.site.admin_view(corrections.ask),
        name="console-correction-ask",
    ),
    path(
        "money/corrections/<str:correction_id>/decide",
        admin.site.admin_view(corrections.decide),
        name="console-correction-decide",
    ),
    path("money/preview", admin.site.admin_view(money.preview), name="console-price-preview"),
    path("money/statement/<slug:slug>", admin.site.admin_view(money.statement), name="console-statement"),
]
