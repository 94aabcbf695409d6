"""The verdict on a retraining: promote, ask, or leave everything as it is; and tell people."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, Membership, Role, User
from apps.accounts.services.record_audit import record_audit
from apps.endpoints.queries import main_deployment
from apps.endpoints.services.change_endpoint import change_endpoint
from apps.learning.models import Retraining
from apps.learning.retraining_rules import Comparison
from apps.outbox.services.send import send
from apps.webhooks.services.emit import emit
from contracts.problems import Problem

_WORDS = {
    "promoted": "The new version is better and serves now.",
    "waiting": "The new version is better and waits for your yes.",
    "kept": "The new version is not better; the endpoint serves what it served.",
    "dismissed": "The new version was set aside.",
    "failed": "It failed; the endpoint serves what it served.",
}


def conclude(one: Retraining, comparison: Comparison | None) -> bool:
    """Inside the caller's transaction, with the row locked."""
    if comparison is None:
        return end(one, "waiting", "The two could not be asked the same rows; look at their pages and decide.")
    if not comparison.is_better:
        return end(one, "kept", "")
    if one.policy.ask_first:
        return end(one, "waiting", "")
    return _promote(one, by=None)


def _promote(one: Retraining, *, by: User | ApiKey | None) -> bool:
    endpoint = one.policy.endpoint
    main = main_deployment(endpoint)
    if one.new_version is None or main is None or main.model_version_id != one.serving_version_id:
        return end(one, "waiting", "The endpoint serves something else meanwhile; look again and decide.")
    try:
        with transaction.atomic():
            change_endpoint(endpoint, deployments=[{"model_version": one.new_version.pk, "weight": 100}], by=by)
    except Problem as problem:
        return end(one, "waiting", f"The gate did not let it in: {problem.failure.title}. {problem.detail}")
    return end(one, "promoted", "")


def decide(retraining: Retraining, *, promote: bool, by: User | ApiKey) -> Retraining:
    """A person's yes or no to what waits. Raises yours:state when it does not wait (any more)."""
    with transaction.atomic():
        one = Retraining.objects.select_for_update(of=("self",)).select_related("policy__endpoint__organisation")
        locked = one.get(pk=retraining.pk)
        if locked.state != "waiting" or locked.new_version is None:
            raise Problem("yours:state", f"This retraining is {locked.state}; there is nothing to decide.")
        locked.decided_by = by.created_by if isinstance(by, ApiKey) else by
        if promote:
            change_endpoint(
                locked.policy.endpoint, deployments=[{"model_version": locked.new_version.pk, "weight": 100}], by=by
            )
        end(locked, "promoted" if promote else "dismissed", "", by=by)
    return locked


def end(one: Retraining, state: str, detail: str, by: User | ApiKey | None = None) -> bool:
    """Write the end and tell it; inside the caller's transaction."""
    one.state, one.detail, one.finished_at = state, detail[:500], timezone.now()
    one.save()
    endpoint = one.policy.endpoint
    details: dict[str, Any] = {
        "retraining": one.pk,
        "endpoint": endpoint.pk,
        "state": state,
        "model_version": one.new_version_id,
        "detail": one.detail,
    }
    record_audit(
        one.organisation, actor=by or "system", action=f"retraining.{state}", subject=endpoint.pk, details=details
    )
    emit(one.organisation, "retraining.finished", details, dedupe_key=f"retraining:{one.pk}:{state}")
    if by is None:
        _mail(one)
    return True


def _mail(one: Retraining) -> None:
    endpoint = one.policy.endpoint
    admins = Membership.objects.of(one.organisation).filter(role__in=[Role.OWNER, Role.ADMIN])
    page = f"{settings.PUBLIC_URL}/o/{one.organisation.slug}/endpoints/{endpoint.pk}/learning"
    text = (
        f"The model behind the endpoint {endpoint.name} was trained again ({one.reason}). "
        f"{_WORDS[one.state]} {one.detail}\n\n{page}\n"
    )
    to = sorted(admins.values_list("user__email", flat=True))
    mail = {"kind": "plain", "to": to, "subject": f"Retraining: {endpoint.name}", "text": text}
    send("mail", mail, dedupe_key=f"mail-retraining:{one.pk}:{one.state}")
