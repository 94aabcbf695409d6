"""Start a run again with changes: newer data, another seed, budget or threshold; everything else stays as it was."""

from typing import Any

from apps.accounts.models import ApiKey, User
from apps.datasets.models import DatasetVersion
from apps.training.models import Run
from apps.training.services.start_run import start_run
from contracts.problems import Problem


def clone_run(
    run: Run,
    *,
    dataset_version: DatasetVersion | None = None,
    budget_seconds: int | None = None,
    seed: int | None = None,
    threshold: float | None = None,
    started_by: User | ApiKey | None,
) -> Run:
    """Raises the Problems of start_run, and yours:invalid for a version of another dataset."""
    version = dataset_version or run.dataset_version
    if version.dataset_id != run.dataset_version.dataset_id:
        raise Problem("yours:invalid", "The version belongs to another dataset.")
    options: dict[str, Any] = dict(run.options)
    if threshold is not None:
        options.pop("metric", None)  # a threshold of one's own goes before one that is looked for
        options["threshold"] = threshold
    return start_run(
        run.organisation,
        dataset_version=version,
        target=run.target,
        task=run.task,
        budget_seconds=budget_seconds or run.budget_seconds,
        pool=run.pool.name,
        families=run.families,
        options=options,
        seed=run.seed if seed is None else seed,
        name=f"{run.name[:110]}, again",
        started_by=started_by,
    )
