"""Which kept requests are asked for: `status`, `code`, `version`, `labelled`, `text`, as pages and REST take them."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from apps.learning.models import LoggedRequest

GROUPS = {"good": Q(status__lt=300), "refused": Q(status__gte=400, status__lt=500), "failed": Q(status__gte=500)}


def filtered(rows: QuerySet[LoggedRequest], asked: Mapping[str, Any]) -> QuerySet[LoggedRequest]:
    """Unknown words are ignored: an old link shows more, not nothing."""
    status, labelled = asked.get("status", ""), asked.get("labelled", "")
    if status in GROUPS:
        rows = rows.filter(GROUPS[status])
    elif status.isdigit() and len(status) == 3:
        rows = rows.filter(status=int(status))
    if version := asked.get("version", ""):
        rows = rows.filter(model_version_id=version[:40])
    if labelled == "yes":
        rows = rows.exclude(labels={})
    elif labelled == "no":
        rows = rows.filter(labels={})
    if text := asked.get("text", "").replace("\x00", "").strip()[:100]:
        rows = rows.filter(Q(request_id=text) | Q(usage_id=text) | Q(pk=text))
    return rows
