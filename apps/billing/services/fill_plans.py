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
        "summary": "To try it: one endpoint and a little usage each month.",
        "rank": 0,
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
        "summary": "For a team in production, with usage included each month.",
        "rank": 20,
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
        "is_public": False,
        "limits": {},
    },
]

_UNIT = 1_000_000
# currency -> plan -> amounts in whole units of it: set, not converted
_AMOUNTS: dict[str, dict[str, dict[str, int]]] = {
    "USD": {
        "free": {"included": 1},
        "payg": {},
        "team": {"fee": 49, "included": 20},
        "enterprise": {"fee": 499, "commitment": 2_000},
    },
    "EUR": {
        "free": {"included": 1},
        "payg": {},
        "team": {"fee": 45, "included": 18},
        "enterprise": {"fee": 459, "commitment": 1_900},
    },
    "JPY": {
        "free": {"included": 150},
        "payg": {},
        "team": {"fee": 7_500, "included": 3_000},
        "enterprise": {"fee": 75_000, "commitment": 300_000},
    },
    "KWD": {
        "free": {"included": 1},
        "payg": {},
        "team": {"fee": 15, "included": 6},
        "enterprise": {"fee": 150, "commitment": 600},
    },
}


def fill_plans(plan_model: type[models.Model]) -> int:
    """Return how many plans were added. Takes the model, because a migration brings its own."""
    added = 0
    for currency, plans in _AMOUNTS.items():
        for plan in DEFAULT_PLANS:
            if not plan_model._default_manager.filter(name=plan["name"], currency=currency).exists():
                amounts = {f"{word}_micros": units * _UNIT for word, units in plans[plan["name"]].items()}
                plan_model._default_manager.create(
                    id=new_id("plv"), currency=currency, effective_from=_BEGINS, **plan, **amounts
                )
                added += 1
    return added
