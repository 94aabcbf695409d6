"""Say before Start how long a run will take, what it will cost at most, and how soon a machine is free."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.accounts.models import Organisation
from apps.compute.queries import pools_with_live_nodes
from apps.datasets.models import DatasetVersion
from apps.ledger.services.open_wallet import credit_wallet
from apps.training.queries import pool_board
from apps.training.services.start_run import plan_run


def estimate_run(
    organisation: Organisation,
    *,
    dataset_version: DatasetVersion,
    target: str = "",
    task: str = "",
    budget_seconds: int,
    max_cost_micros: int | None = None,
    pool: str = "cpu",
    families: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the estimate as the API and the new-run page show it. Raises the same Problems as start_run."""
    plan = plan_run(
        organisation,
        dataset_version=dataset_version,
        target=target,
        task=task,
        budget_seconds=budget_seconds,
        max_cost_micros=max_cost_micros,
        pool=pool,
        families=families,
        options=options,
    )
    available = credit_wallet(organisation).available_micros
    row = next(row for row in pool_board(pools_with_live_nodes().filter(id=plan.pool.id), organisation.currency))
    return {
        "task": plan.task,
        "target": plan.target,
        "options": plan.options,
        "seconds": plan.estimate.seconds,
        "cost_micros": min(plan.estimate.cost_micros, plan.cap_micros),
        "max_cost_micros": plan.cap_micros,
        "price_micros_per_second": plan.unit_price_micros,
        "currency": plan.currency,
        "available_micros": available,
        "is_affordable": available >= plan.cap_micros,
        "pool": row,
    }
