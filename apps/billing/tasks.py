"""The timetable's entries of billing; each may run twice or late without harm."""

from typing import Any

from celery import shared_task

from apps.billing.services import (
    cancel_push,
    close_period,
    mirror_customers,
    mirror_subscriptions,
    resolve_frozen,
    roll_budgets,
    run_auto_top_ups,
    settle_payment,
    tell_documents,
    true_up,
)
from apps.billing.services import push_usage as pushing
from apps.billing.services import reconcile as reconciling
from apps.billing.services import renew_subscriptions as renewing
from apps.ledger.services import settle_lots


@shared_task
def roll_budget_periods() -> None:
    roll_budgets.roll_budget_periods()
    roll_budgets.alert_budgets()


@shared_task
def push_usage() -> None:
    """Usage, then what of it needs a second look: taken back, or settled by Stripe's sums."""
    pushing.push_usage()
    cancel_push.go_on_cancelling()
    resolve_frozen.resolve_frozen()


@shared_task
def mirror_at_stripe() -> None:
    """Billing details, subscriptions, invoices and credit notes as Stripe should have them."""
    mirror_customers.mirror_customers()
    mirror_subscriptions.mirror_subscriptions()
    tell_documents.tell_documents()


@shared_task
def close_due_periods() -> None:
    close_period.close_due_periods()


@shared_task
def renew_subscriptions() -> None:
    renewing.renew_subscriptions()


@shared_task
def auto_top_up() -> None:
    run_auto_top_ups.run_auto_top_ups()


def send_refund(payload: dict[str, Any]) -> None:
    """Handler of the outbox topic `stripe-refund`."""
    settle_payment.send_refund(payload)


@shared_task
def settle_credit() -> None:
    settle_lots.settle_due_lots()


@shared_task
def true_up_tiers() -> None:
    true_up.true_up_all()


@shared_task
def reconcile() -> None:
    reconciling.reconcile_and_remember()
