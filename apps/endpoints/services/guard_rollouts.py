"""Judge every rollout that has a guard by the traffic of the last minutes, and take out what breaks a rule.

One rollback per rollout at the most: a set of deployments that a rollback brought is never judged, so nothing flaps.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from apps.accounts.models import Membership, Role
from apps.accounts.services.record_audit import record_audit
from apps.endpoints.guard import Evidence, Finding, broken_rule, faults_of, newcomers
from apps.endpoints.models import Deployment, Endpoint, GuardRollback
from apps.endpoints.rollout import without_version
from apps.endpoints.services.change_endpoint import replace_deployments
from apps.endpoints.services.rollback_endpoint import previous_set, retired_sets
from apps.endpoints.traffic import recent, times
from apps.outbox.services.send import send
from apps.webhooks.services.emit import emit

_WORDS = {
    "error_rate": "{value:.1%} of its requests failed; the limit is {limit:.1%}",
    "p95_ms": "its 95th percentile was {value:.1f} ms; the limit is {limit:.1f} ms",
    "disagreement": "{value:.1%} of its answers differed from what callers were told; the limit is {limit:.1%}",
}


def guard_rollouts() -> int:
    """Return how many versions were taken out."""
    guarded = Endpoint.objects.filter(deleted_at=None, paused_at=None).exclude(guard={})
    return sum(guard_endpoint(endpoint) is not None for endpoint in guarded.select_related("organisation"))


def guard_endpoint(endpoint: Endpoint) -> GuardRollback | None:
    """Judge the present set once. None: nothing to judge, or all is well."""
    present = list(endpoint.deployments.filter(retired_at=None).select_related("model_version"))
    edition = max((row.edition for row in present), default=0)
    if not present or endpoint.guard_rollbacks.filter(edition=edition).exists():
        return None
    sums = recent(endpoint, timedelta(seconds=endpoint.guard.get("window_s", 300)))
    for version in sorted(_on_trial(endpoint, present)):
        finding = broken_rule(endpoint.guard, _evidence(version, present, sums))
        if finding is not None:
            return _take_out(endpoint, present, version, finding)
    return None


def words(rule: str, value: float, limit: float) -> str:
    """What was found, as a clause of a sentence."""
    return _WORDS[rule].format(value=value, limit=limit).replace("%", " %")


def _on_trial(endpoint: Endpoint, present: list[Deployment]) -> set[str]:
    shadows = {row.reference for row in present if row.shadow}
    return newcomers(_weights(present), _weights(previous_set(endpoint))) | shadows


def _weights(rows: list[Deployment]) -> dict[str, int]:
    return {row.reference: row.weight for row in rows if not row.shadow}


def _evidence(version: str, present: list[Deployment], sums: dict) -> Evidence:  # type: ignore[type-arg]
    live = next((row for row in present if row.reference == version and not row.shadow), None)
    shadow = next((row for row in present if row.reference == version and row.shadow), None)
    told = sums.get(live.pk) if live else None
    copied = sums.get(shadow.pk) if shadow else None
    return Evidence(
        ok=told.ok if told else 0,
        faults=faults_of(told.errors) if told else 0,
        p95_ms=times(told.latency_us)["p95"] if told else None,
        compared=copied.shadow["compared"] + copied.shadow["failed"] if copied else 0,
        disagreed=copied.shadow["disagreed"] + copied.shadow["failed"] if copied else 0,
    )


def _take_out(endpoint: Endpoint, judged: list[Deployment], version: str, finding: Finding) -> GuardRollback | None:
    """Give the version weight 0 and the others what they had before it came."""
    with transaction.atomic():
        locked = Endpoint.objects.select_for_update().get(id=endpoint.pk)
        present = list(locked.deployments.filter(retired_at=None).select_related("model_version"))
        if {row.pk for row in present} != {row.pk for row in judged} or locked.deleted_at:
            return None  # somebody changed it meanwhile; the new set is judged by its own traffic
        wanted = without_version(version, present=_shares(present), earlier=map(_shares, retired_sets(locked)))
        if not wanted:
            return None  # nothing to go back to
        locked.edition += 1
        replace_deployments(locked, wanted, force=True)  # it served these callers before
        locked.save()
        row = GuardRollback.objects.create(
            endpoint=locked,
            model_version_id=version.partition("@")[0],
            rule=finding.rule,
            value=finding.value,
            limit=finding.limit,
            requests=finding.requests,
            edition=locked.edition,
        )
        record_audit(
            locked.organisation,
            actor="system",
            action="endpoint.guard_rollback",
            subject=locked.pk,
            details={"version": version, "rule": finding.rule, "value": round(finding.value, 4), "to": wanted},
        )
        emit(
            locked.organisation,
            "endpoint.rolled_back",
            {"endpoint": locked.pk, "name": locked.name, "from": version, "rule": finding.rule, "to": wanted},
            dedupe_key=f"rollback:{locked.pk}:{locked.edition}",
        )
        _mail(locked, row)
    return row


def _shares(rows: list[Deployment]) -> list[dict[str, object]]:
    return [{"model_version": row.reference, "weight": row.weight, "shadow": row.shadow} for row in rows]


def _mail(endpoint: Endpoint, row: GuardRollback) -> None:
    admins = Membership.objects.of(endpoint.organisation).filter(role__in=[Role.OWNER, Role.ADMIN])
    version = row.model_version
    name = f"{version.model.name} version {version.number}"
    page = f"{settings.PUBLIC_URL}/o/{endpoint.organisation.slug}/endpoints/{endpoint.pk}/"
    text = (
        f"The endpoint {endpoint.name} of {endpoint.organisation.name} no longer serves {name}: "
        f"{words(row.rule, row.value, row.limit)} (measured over {row.requests}). "
        f"What served before it serves again.\n\n{page}\n"
    )
    send(
        "mail",
        {
            "kind": "plain",
            "to": sorted(admins.values_list("user__email", flat=True)),
            "subject": f"Rolled back: {endpoint.name}",
            "text": text,
        },
        dedupe_key=f"guard:{endpoint.pk}:{row.edition}",
    )
