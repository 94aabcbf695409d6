"""Reads of webhooks and what was delivered to them."""

from django.db.models import QuerySet

from apps.accounts.models import Organisation
from apps.webhooks.models import Delivery, Webhook
from contracts.problems import Problem


def webhooks_of(organisation: Organisation) -> QuerySet[Webhook]:
    return Webhook.objects.of(organisation).filter(deleted_at=None)


def webhook_or_problem(organisation: Organisation, webhook_id: str) -> Webhook:
    webhook = webhooks_of(organisation).filter(pk=webhook_id).first()
    if webhook is None:
        raise Problem("yours:not-found", "There is no such webhook here.")
    return webhook


def deliveries_of(webhook: Webhook) -> QuerySet[Delivery]:
    return Delivery.objects.filter(webhook=webhook).select_related("event").prefetch_related("tries")


def delivery_or_problem(webhook: Webhook, delivery_id: str) -> Delivery:
    delivery = deliveries_of(webhook).filter(pk=delivery_id).first()
    if delivery is None:
        raise Problem("yours:not-found", "There is no such delivery here.")
    return delivery
