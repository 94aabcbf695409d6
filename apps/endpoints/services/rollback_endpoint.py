"""Bring back the set of deployments that served before the present one."""

from django.db import transaction

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.endpoints.models import Deployment, Endpoint
from apps.endpoints.services.change_endpoint import replace_deployments
from apps.webhooks.services.emit import emit
from contracts.problems import Problem


def rollback_endpoint(endpoint: Endpoint, *, by: User | ApiKey | None = None) -> Endpoint:
    """Deploy the previous edition's set again, as a new edition. Raises yours:state when there is none."""
    with transaction.atomic():
        locked = Endpoint.objects.select_for_update().filter(id=endpoint.id, deleted_at=None).first()
        if locked is None:
            raise Problem("yours:not-found", "This endpoint was deleted meanwhile.")
        previous = previous_set(locked)
        if not previous:
            raise Problem("yours:state", "Nothing was deployed before the present version.")
        locked.edition += 1
        wanted = [{"model_version": d.reference, "weight": d.weight, "shadow": d.shadow} for d in previous]
        replace_deployments(locked, wanted, force=True)  # it served these callers before
        locked.save()
        record_audit(
            locked.organisation,
            actor=by or "system",
            action="endpoint.rollback",
            subject=locked.id,
            details={"to": wanted},
        )
        emit(
            locked.organisation,
            "endpoint.rolled_back",
            {"endpoint": locked.id, "name": locked.name, "to": wanted},
            dedupe_key=f"rollback:{locked.id}:{locked.edition}",
        )
    return locked


def previous_set(endpoint: Endpoint) -> list[Deployment]:
    """Return the newest retired set that differs from the present one, or an empty list."""
    present = _as_set(list(endpoint.deployments.filter(retired_at=None).select_related("model_version")))
    return next((rows for rows in retired_sets(endpoint) if _as_set(rows) != present), [])


def retired_sets(endpoint: Endpoint) -> list[list[Deployment]]:
    """What was deployed before, newest first; one list per edition."""
    editions: dict[int, list[Deployment]] = {}
    for deployment in (
        endpoint.deployments.exclude(retired_at=None).select_related("model_version").order_by("-edition")
    ):
        editions.setdefault(deployment.edition, []).append(deployment)
    return list(editions.values())


def _as_set(rows: list[Deployment]) -> set[tuple[str, int, bool]]:
    """A version without traffic is no difference."""
    return {(row.reference, row.weight, row.shadow) for row in rows if row.weight}
