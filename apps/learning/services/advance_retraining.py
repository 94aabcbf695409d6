"""Move open retrainings on, a step at a time: data ready → run → the same rows asked of both → verdict.

Each step holds its row's lock and skips rows that somebody else holds, and what it starts (a run, a batch) is written
in the same transaction: two that look at once never start two.
"""

import io
import json
from dataclasses import asdict

from django.db import transaction

from apps.endpoints.queries import main_deployment
from apps.endpoints.services.start_batch import start_batch
from apps.learning.models import Retraining
from apps.learning.queries import labelled_requests, newest_data, served_model
from apps.learning.retraining_rules import warm_families
from apps.learning.services.end_retraining import conclude, end
from apps.learning.services.take_labels import take_labels
from apps.learning.versus import comparison_of, question_of
from apps.registry.models import ModelVersion
from apps.training.models import Run
from apps.training.services.start_run import start_run
from contracts.jobs import FAMILIES, RUN_FINAL_STATES
from contracts.problems import Problem

BATCH_FINAL = ("succeeded", "failed", "cancelled")


def advance_all() -> int:
    """Return how many moved."""
    open_ones = list(Retraining.objects.filter(state__in=Retraining.OPEN).values_list("pk", flat=True))
    return sum(advance(pk) for pk in open_ones)


def advance(pk: str) -> bool:
    """One step of one retraining. False: nothing to do yet, or somebody else is at it."""
    try:
        with transaction.atomic():
            locked = Retraining.objects.select_for_update(skip_locked=True, of=("self",))
            rows = locked.select_related("policy__endpoint__organisation", "dataset_version", "run", "batch")
            one = rows.filter(pk=pk, state__in=Retraining.OPEN).first()
            return one is not None and _STEPS[one.state](one)
    except Problem as problem:
        if problem.failure.is_ours:
            return False  # paused or overloaded: the next look tries again
        with transaction.atomic():
            one = Retraining.objects.select_for_update().get(pk=pk)
            if one.state in Retraining.OPEN:
                end(one, "failed", f"{problem.failure.title}. {problem.detail}")
        return True


def _prepare(one: Retraining) -> bool:
    endpoint = one.policy.endpoint
    model, main = served_model(endpoint), main_deployment(endpoint)
    if model is None or main is None:
        return end(one, "failed", "The endpoint serves nothing.")
    if one.dataset_version is None:
        has_labels = labelled_requests(model).exists()
        one.dataset_version = take_labels(model, by=None) if has_labels else newest_data(model)
        if one.dataset_version is None:
            return end(one, "failed", "The dataset has no version that is ready.")
        one.save(update_fields=["dataset_version"])
        return True
    if one.dataset_version.state == "refused":
        return end(one, "failed", "The checks refused the dataset version with the labels.")
    if one.dataset_version.state != "ready":
        return False
    one.serving_version = main.model_version
    one.run = _start(one, main.model_version)
    one.state = "training"
    one.save(update_fields=["serving_version", "run", "state"])
    one.policy.rows_seen = one.dataset_version.rows
    one.policy.save(update_fields=["rows_seen"])
    return True


def _start(one: Retraining, serving: ModelVersion) -> Run:
    """The serving version's settings on the newest data, under the policy's budget."""
    policy, last = one.policy, serving.run
    families = list(last.families)
    if policy.warm:
        candidates = list(last.candidates.values_list("family", "note", "is_best"))
        families = warm_families(candidates, FAMILIES[last.task]) or families
    assert one.dataset_version is not None
    return start_run(
        one.organisation,
        dataset_version=one.dataset_version,
        target=last.target,
        task=last.task,
        budget_seconds=policy.budget_seconds or last.budget_seconds,
        max_cost_micros=policy.max_cost_micros,
        pool=last.pool.name,
        families=families,
        options=last.options,
        seed=last.seed,
        name=f"{last.name[:100]}, by itself",
        started_by=None,
    )


def _follow_run(one: Retraining) -> bool:
    run = one.run
    if run is None:
        return end(one, "failed", "The run is gone.")
    if run.state not in RUN_FINAL_STATES:
        return False
    if run.state != "succeeded":
        return end(
            one, "failed", f"The run {run.state}: {run.error_detail or run.error_code or 'no reason given'}"[:500]
        )
    one.new_version = ModelVersion.objects.of(one.organisation).get(run=run)
    question = question_of(one)
    if question is None or one.serving_version is None:
        return conclude(one, None)
    one.batch = start_batch(
        one.organisation,
        model_version=one.serving_version,
        file=io.BytesIO(question.content),
        file_name=question.name,
        started_by=None,
    )
    one.comparison = {"places": question.places, "fresh": question.fresh}
    one.state = "comparing"
    one.save(update_fields=["new_version", "batch", "comparison", "state"])
    return True


def _compare(one: Retraining) -> bool:
    if one.batch is None:
        return end(one, "failed", "The comparison is gone.")
    if one.batch.state not in BATCH_FINAL:
        return False
    if one.batch.state != "succeeded":
        return end(
            one, "failed", f"The serving version could not be asked: {one.batch.error_detail or one.batch.state}"
        )
    comparison = comparison_of(one)
    one.comparison = json.loads(json.dumps(asdict(comparison))) if comparison else {}
    return conclude(one, comparison)


_STEPS = {"preparing": _prepare, "training": _follow_run, "comparing": _compare}
