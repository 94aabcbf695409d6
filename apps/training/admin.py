"""Operators see runs, their attempts and candidates; what happens to a run is the services' business."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from apps.training.models import Attempt, Candidate, Run, RunFile


class ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AttemptInline(ReadOnlyInline):
    model = Attempt
    fields = [
        "fence",
        "node",
        "started_at",
        "ended_at",
        "compute_seconds",
        "energy_wh",
        "outcome",
        "failure_code",
        "charged_micros",
    ]


class CandidateInline(ReadOnlyInline):
    model = Candidate
    fields = ["family", "state", "metrics", "fit_seconds", "latency_ms", "is_best", "note"]


class FileInline(ReadOnlyInline):
    model = RunFile
    fields = ["fence", "name", "size_bytes", "sha256"]


@admin.register(Run)
class RunAdmin(ModelAdmin):
    list_display = ["id", "name", "organisation", "task", "pool", "state", "attempt", "cost_micros", "created_at"]
    list_filter = ["state", "pool", "task"]
    search_fields = ["id", "name", "organisation__name"]
    list_select_related = ["organisation", "pool"]
    inlines = [AttemptInline, CandidateInline, FileInline]
    fields = [
        "id",
        "name",
        "organisation",
        "dataset_version",
        "task",
        "target",
        "pool",
        "priority",
        "state",
        "progress",
        "stage",
        "budget_seconds",
        "max_cost_micros",
        "cost_micros",
        "compute_seconds",
        "energy_wh",
        "fence",
        "attempt",
        "node",
        "lease_until",
        "cancel_requested_at",
        "error_code",
        "error_detail",
        "created_at",
        "started_at",
        "finished_at",
    ]
    readonly_fields = [name for name in fields if name != "priority"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
