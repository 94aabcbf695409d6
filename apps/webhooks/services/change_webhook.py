"""Creates, changes, tests and removes webhooks, rotates their secrets, delivers again."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.webhooks.models import Delivery, Webhook
from apps.webhooks.queries import webhooks_of
from apps.webhooks.rules import KINDS, OLD_SECRET_S, url_objection
from apps.webhooks.services.emit import emit
from contracts.ids import new_id
from contracts.problems import Problem

Actor = User | ApiKey | str
MOST_WEBHOOKS = 20


@transaction.atomic
def create_webhook(
    organisation: Organisation, *, url: str, kinds: Sequence[str] = (), description: str = "", by: Actor
) -> Webhook:
    """Problem yours:invalid for an address that we may not call or an event that does not exist."""
    _check(url, kinds)
    if webhooks_of(organisation).count() >= MOST_WEBHOOKS:
        raise Problem("yours:limit-reached", f"An organisation has at most {MOST_WEBHOOKS} webhooks.")
    webhook = Webhook.objects.create(
        organisation=organisation,
        url=url,
        kinds=sorted(set(kinds)),
        description=description.strip()[:120],
        created_by=by if isinstance(by, User) else None,
    )
    _audit(webhook, "webhook.create", by, url=url)
    return webhook


@transaction.atomic
def change_webhook(
    webhook: Webhook,
    *,
    url: str | None = None,
    kinds: Sequence[str] | None = None,
    description: str | None = None,
    disabled: bool | None = None,
    by: Actor,
) -> Webhook:
    """Switching on again also forgets the failures."""
    _check(webhook.url if url is None else url, webhook.kinds if kinds is None else kinds)
    webhook.url = webhook.url if url is None else url
    webhook.kinds = webhook.kinds if kinds is None else sorted(set(kinds))
    webhook.description = webhook.description if description is None else description.strip()[:120]
    if disabled is not None:
        webhook.disabled_at = (webhook.disabled_at or timezone.now()) if disabled else None
        webhook.failing_since = webhook.failing_since if disabled else None
    webhook.save(update_fields=["url", "kinds", "description", "disabled_at", "failing_since"])
    _audit(webhook, "webhook.change", by, url=webhook.url, disabled=webhook.disabled_at is not None)
    return webhook


@transaction.atomic
def delete_webhook(webhook: Webhook, *, by: Actor) -> None:
    Webhook.objects.filter(pk=webhook.pk, deleted_at=None).update(deleted_at=timezone.now())
    _audit(webhook, "webhook.delete", by)


@transaction.atomic
def rotate_secret(webhook: Webhook, *, by: Actor) -> Webhook:
    """A new secret at once; the one before signs beside it for a day."""
    locked = Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
    locked.secret_version += 1
    locked.old_secret_until = timezone.now() + timedelta(seconds=OLD_SECRET_S)
    locked.save(update_fields=["secret_version", "old_secret_until"])
    _audit(locked, "webhook.rotate", by)
    return locked


@transaction.atomic
def send_ping(webhook: Webhook) -> Delivery:
    """An event for this webhook alone."""
    name = new_id("evt")
    emit(webhook.organisation, "ping", {"webhook": webhook.pk}, dedupe_key=f"ping:{name}")
    event = webhook.organisation.events.get(dedupe_key=f"ping:{name}")
    delivery, _ = Delivery.objects.get_or_create(webhook=webhook, event=event, defaults={"next_at": timezone.now()})
    return delivery


@transaction.atomic
def redeliver(delivery: Delivery, *, by: Actor) -> Delivery:
    """Try again now, as a new message with the same id."""
    Delivery.objects.filter(pk=delivery.pk).update(
        state="waiting", attempts=0, next_at=timezone.now(), lease_until=None
    )
    _audit(delivery.webhook, "webhook.redeliver", by, delivery=delivery.pk)
    delivery.refresh_from_db()
    return delivery


def _check(url: str, kinds: Sequence[str]) -> None:
    errors = []
    if len(url) > 500:
        errors.append({"location": "url", "message": "is longer than 500 characters", "fix": "Use a shorter one."})
    elif objection := url_objection(url, allowed_hosts=tuple(settings.WEBHOOK_ALLOWED_HOSTS)):
        errors.append({"location": "url", "message": objection, "fix": "Give a public https address."})
    if unknown := sorted(set(kinds) - set(KINDS)):
        fix = f"Choose among {', '.join(KINDS)}."
        errors.append({"location": "kinds", "message": f"{unknown[0]!r} is no event", "fix": fix})
    if errors:
        raise Problem("yours:invalid", errors=errors)


def _audit(webhook: Webhook, action: str, by: Actor, **details: object) -> None:
    record_audit(webhook.organisation, actor=by, action=action, subject=webhook.pk, details=details)
