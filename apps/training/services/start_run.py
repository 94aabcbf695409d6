"""Start a run: check it against its data, set its money aside, queue it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.queries import reason_for, switch_is_on
from apps.accounts.services.pass_limit import pass_limit
from apps.accounts.services.record_audit import record_audit
from apps.compute.models import Pool
from apps.datasets.models import DatasetVersion
from apps.ledger.queries import price_at
from apps.ledger.services.open_hold import open_hold
from apps.outbox.services.send import send
from apps.training import rules
from apps.training.lease import database_now
from apps.training.models import Run
from apps.training.queries import runs_under_way
from apps.training.text_rules import TASKS as TEXT_TASKS
from apps.training.text_rules import text_target
from contracts.problems import Problem
from contracts.usage import METER_TRAINING_SECONDS


@dataclass(frozen=True)
class Plan:
    """What a run would be, checked against its data and priced; nothing is written yet."""

    task: str
    target: str
    families: tuple[str, ...]
    options: dict[str, Any]
    pool: Pool
    price: str
    unit_price_micros: int
    currency: str
    cap_micros: int
    estimate: rules.Estimate


def start_run(
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
    seed: int = 0,
    name: str = "",
    started_by: User | ApiKey | None = None,
) -> Run:
    """Queue a run and hold its cost cap. Raises Problem when the data, the money or the pool does not allow it."""
    if switch_is_on("pause-training"):
        raise Problem("ours:switched-off", reason_for("pause-training") or "Training is paused.")
    if organisation.suspended_reason:
        raise Problem("yours:suspended", organisation.suspended_reason)
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
    with transaction.atomic():
        pass_limit(organisation, "runs_at_once", used=lambda: runs_under_way(organisation))
        run = _queued(plan, dataset_version, name=name, seed=seed, budget_seconds=budget_seconds, started_by=started_by)
        open_hold(organisation, subject=run.id, amount_micros=plan.cap_micros)
        send("wake-trainer", {"run": run.id, "pool": plan.pool.name}, dedupe_key=f"wake-trainer:{run.id}:0")
        record_audit(
            organisation,
            actor=started_by or "system",
            action="run.start",
            subject=run.id,
            details={
                "task": plan.task,
                "target": plan.target,
                "pool": plan.pool.name,
                "max_cost_micros": plan.cap_micros,
            },
        )
    return run


def _queued(
    plan: Plan,
    version: DatasetVersion,
    *,
    name: str,
    seed: int,
    budget_seconds: int,
    started_by: User | ApiKey | None,
) -> Run:
    now = database_now()
    return Run.objects.create(
        organisation_id=version.organisation_id,
        name=(name.strip() or _default_name(version, plan))[:120],
        dataset_version=version,
        task=plan.task,
        target=plan.target,
        families=list(plan.families),
        options=plan.options,
        seed=seed,
        budget_seconds=budget_seconds,
        max_cost_micros=plan.cap_micros,
        price=plan.price,
        unit_price_micros=plan.unit_price_micros,
        pool=plan.pool,
        not_before=now,
        queued_at=now,
        created_by=started_by.created_by if isinstance(started_by, ApiKey) else started_by,
    )


def plan_run(
    organisation: Organisation,
    *,
    dataset_version: DatasetVersion,
    target: str,
    task: str,
    budget_seconds: int,
    max_cost_micros: int | None,
    pool: str,
    families: Sequence[str],
    options: Mapping[str, Any] | None = None,
) -> Plan:
    """Check everything about a run that needs no money and no lock, and price it."""
    if dataset_version.organisation_id != organisation.id or dataset_version.dataset.deleted_at is not None:
        raise Problem("yours:not-found", "There is no such dataset version here.")
    if dataset_version.state != "ready":
        raise Problem("yours:dataset-not-ready", f"The dataset version is {dataset_version.state}.", status=409)
    chosen = _open_pool(pool, budget_seconds)
    settled = dict(options or {})
    target, task = _what_to_learn(dataset_version, target, task, families, settled)
    refusal = rules.refusal_of_precision(task, settled, has_gpu=chosen.has_gpu)
    if refusal is not None:
        raise _invalid(refusal.code, refusal.detail, refusal.location)
    price = price_at(METER_TRAINING_SECONDS, dimension=chosen.name, currency=organisation.currency)
    estimate = rules.estimate(
        task=task,
        rows=dataset_version.rows,
        columns=len(dataset_version.columns),
        families=families,
        budget_seconds=budget_seconds,
        unit_price_micros=price.unit_price_micros,
    )
    cap = estimate.max_cost_micros if max_cost_micros is None else max_cost_micros
    if cap < rules.BUDGET_MIN_S * price.unit_price_micros:
        least = rules.BUDGET_MIN_S * price.unit_price_micros
        raise _invalid(
            "yours:budget-too-small", f"max_cost_micros must be at least {least} in this pool.", "max_cost_micros"
        )
    return Plan(
        task=task,
        target=target,
        families=tuple(families),
        options=settled,
        pool=chosen,
        price=price.id,
        unit_price_micros=price.unit_price_micros,
        currency=organisation.currency,
        cap_micros=cap,
        estimate=estimate,
    )


def _open_pool(name: str, budget_seconds: int) -> Pool:
    pool = Pool.objects.filter(name=name, is_open=True).first()
    if pool is None:
        raise _invalid("yours:invalid", f"There is no open pool {name!r}.", "pool")
    if budget_seconds < rules.BUDGET_MIN_S:
        raise _invalid("yours:budget-too-small", f"budget_seconds is at least {rules.BUDGET_MIN_S}.", "budget_seconds")
    if budget_seconds > pool.max_run_seconds:
        detail = f"A run in pool {name} takes at most {pool.max_run_seconds} seconds."
        raise _invalid("yours:limit-reached", detail, "budget_seconds")
    return pool


def _what_to_learn(
    version: DatasetVersion, target: str, task: str, families: Sequence[str], options: dict[str, Any]
) -> tuple[str, str]:
    """Target and task, inferred where left open; the roles of a log's columns are written into `options`."""
    is_images, given = version.format == "zip", target
    target = "" if is_images else target or version.inferred_target
    column: dict[str, Any] | None = next((c for c in version.columns if c.get("name") == target), None)
    if not task:
        is_guessed = is_images or target == version.inferred_target
        guess = (version.dataset.task or version.inferred_task) if is_guessed else ""
        task = guess or rules.inferred_task(column, is_images=is_images)
    refusal = rules.refusal_of_task(task, families, is_images=is_images)
    refusal = refusal or rules.refusal_of_options(task, options, version.columns)
    if refusal is None and task == "recommendation":
        return _log_to_learn(version, target, options), task
    if refusal is None and task in TEXT_TASKS:
        target = text_target(task, given, version.inferred_target, version.columns)
        refusal = rules.refusal_of_texts(task, target, version.columns, options, rows=version.rows)
    elif refusal is None and task == "forecasting":
        refusal = rules.refusal_of_series(target, version.columns, options, rows=version.rows)
    elif refusal is None and is_images:
        refusal = rules.refusal_of_classes(version.classes)
    elif refusal is None:
        refusal = rules.refusal_of_target(task, target, column, rows=version.rows)
    if refusal is not None:
        raise _invalid(refusal.code, refusal.detail, refusal.location)
    return target, task


def _log_to_learn(version: DatasetVersion, target: str, options: dict[str, Any]) -> str:
    """The item's column; what the run does not say was perhaps said at the upload."""
    options.setdefault("roles", version.options.get("roles") or {})
    roles = rules.log_roles(version.columns, target, options)
    refusal = rules.refusal_of_log(roles, version.columns, rows=version.rows)
    if refusal is not None:
        raise _invalid(refusal.code, refusal.detail, refusal.location)
    options["roles"] = vars(roles).copy()
    return roles.item


def _invalid(code: str, detail: str, location: str) -> Problem:
    problem = Problem(code, detail)
    problem.errors = [{"location": location, "message": detail, "fix": problem.failure.fix}]
    return problem


def _default_name(version: DatasetVersion, plan: Plan) -> str:
    what = plan.target or "classes"
    return f"{version.dataset.name}: {what}"
