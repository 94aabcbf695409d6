"""Writes the default plans where there are none; existing plans are never touched."""

from datetime import UTC, datetime
from typing import Any

from django.db import models

from contracts.ids import new_id

_GB = 1024**3
_BEGINS = datetime(2020, 1, 1, tzinfo=UTC)
DEFAULT_PLANS: list[dict[str, Any]] = [
    {
        "name": "free",
        "title": "Free",
        "summary": "To try it: one endpoint, a dollar of usage each month.",
        "rank": 0,
        "included_micros": 1_000_000,
        "limits": {
            "endpoints": 1,
            "storage_bytes": _GB,
            "seats": 2,
            "runs_at_once": 1,
            "concurrency": 8,
            "requests_per_minute": 600,
            "predictions_per_month": 10_000,
        },
    },
    {
        "name": "payg",
        "title": "Pay as you go",
        "summary": "No fee; you pay for what you use.",
        "rank": 10,
        "limits": {"endpoints": 50, "storage_bytes": 100 * _GB, "seats": 25, "runs_at_once": 20, "concurrency": 256},
    },
    {
        "name": "team",
        "title": "Team",
        "summary": "For a team in production, with 20 dollars of usage each month.",
        "rank": 20,
        "fee_micros": 49_000_000,
        "included_micros": 20_000_000,
        "trial_days": 14,
        "limits": {
            "endpoints": 500,
            "storage_bytes": 1024 * _GB,
            "seats": 200,
            "runs_at_once": 100,
            "concurrency": 1024,
        },
    },
    {
        "name": "enterprise",
        "title": "Enterprise",
        "summary": "No limits, an agreed minimum; ask us.",
        "rank": 30,
        "fee_micros": 499_000_000,
        "commitment_micros": 2_000_000_000,
        "is_public": False,
        "limits": {},
    },
]


def fill_plans(plan_model: type[models.Model]) -> int:
    """Return how many plans were added. Takes the model, because a migration brings its own."""
    added = 0
    for plan in DEFAULT_PLANS:
        if not plan_model._default_manager.filter(name=plan["name"], currency="USD").exists():
            plan_model._default_manager.create(id=new_id("plv"), currency="USD", effective_from=_BEGINS, **plan)
            added += 1
    return added
