"""Finish a run and register its version in one transaction, guarded by the fence: all of it happens once, or none."""

from dataclasses import dataclass, replace

from django.db import transaction

from apps.registry.models import ModelVersion
from apps.registry.rules import MORE_FILES, PACKAGE_FILES, EvidenceRefused
from apps.registry.services.register_version import Package, package_of, register_version
from apps.training.models import Attempt, Run
from apps.training.services.finish_run import finish_run
from apps.training.services.hold_fence import hold_fence
from contracts.jobs import RunReport


@dataclass(frozen=True)
class Completion:
    """Answer of `POST /internal/v1/runs/{id}/finish`."""

    state: str
    model_version: str | None


@transaction.atomic
def complete_run(attempt: Attempt, report: RunReport) -> Completion:
    """End the attempt as reported. The same attempt asking again gets the same answer; a replaced one Problem 409."""
    Run.objects.select_for_update().get(id=attempt.run_id)  # a second finish waits here and then finds the first
    attempt.refresh_from_db()
    if report.fence == attempt.fence and attempt.outcome not in ("", "lost"):
        return _as_it_ended(attempt)
    run = hold_fence(attempt, report.fence)
    package: Package | None = None
    if report.outcome == "succeeded":
        try:
            package = package_of(run, report)
        except EvidenceRefused as refused:  # never published, never charged
            report = replace(report, outcome="failed", failure_code=refused.code, failure_detail=refused.detail)
    run = finish_run(run, attempt, report, keep_files=(*PACKAGE_FILES, *MORE_FILES) if package else ())
    version = register_version(run, package) if package else None
    return Completion(run.state, version.id if version else None)


def _as_it_ended(attempt: Attempt) -> Completion:
    version = ModelVersion.objects.filter(run_id=attempt.run_id).values_list("id", flat=True).first()
    return Completion(attempt.outcome, version)
