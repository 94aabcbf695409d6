"""Brings payments, refunds and disputes of Stripe's into the ledger, each once: the ref names Stripe's object."""

import logging
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.billing.models import TopUp
from apps.billing.rules import micros_per_minor
from apps.billing.stripe_client import stripe_client
from apps.ledger.currencies import card_step_micros
from apps.ledger.models import CreditLot, LedgerTransaction
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.settle_lots import settle_lots
from apps.ledger.services.take_credit import withdraw_credit
from apps.outbox.services.send import send
from apps.webhooks.services.emit import emit
from contracts.problems import Problem

log = logging.getLogger(__name__)


@transaction.atomic
def settle_intent(intent: Any, *, now: datetime | None = None) -> bool:
    """Grant the credit of an automatic top-up whose payment succeeded. True: it was granted now."""
    top_up = _top_up(pk=intent.to_dict().get("metadata", {}).get("top_up", ""), is_automatic=True)
    if top_up is None or intent.status != "succeeded" or top_up.state == "paid":
        return False
    if intent.amount_received * micros_per_minor(top_up.currency) != top_up.amount_micros:
        log.error("payment %s brought %s, not %s micros", intent.id, intent.amount_received, top_up.amount_micros)
        return False
    granted = grant_credit(
        top_up.organisation,
        amount_micros=top_up.amount_micros,
        ref=f"stripe:intent:{intent.id}",
        source="stripe",
        note=f"Automatic top-up {top_up.pk}",
    )
    TopUp.objects.filter(pk=top_up.pk).update(
        state="paid", paid_at=now or timezone.now(), payment_intent=intent.id, failure=""
    )
    tell_paid(top_up)
    return granted is not None


def tell_paid(top_up: TopUp) -> None:
    data = {"top_up": top_up.pk, "amount_micros": top_up.amount_micros, "currency": top_up.currency}
    emit(top_up.organisation, "top_up.paid", data, dedupe_key=f"top-up:{top_up.pk}")


@transaction.atomic
def refund_top_up(top_up: TopUp, *, amount_micros: int, by: User | str, now: datetime | None = None) -> TopUp:
    """Take unused credit of the top-up out of the wallet and ask Stripe to pay it back, all or nothing.

    Problem yours:state when less is left. Stripe is asked through the outbox, with a key of its own: once.
    """
    moment = now or timezone.now()
    locked = _top_up(pk=top_up.pk)
    if locked is None or locked.state != "paid" or not locked.payment_intent:
        raise Problem("yours:state", "Only a payment that has arrived can be paid back.")
    if amount_micros <= 0 or amount_micros % card_step_micros(locked.currency):
        message = f"must be what a card can be paid in {locked.currency}"
        errors = [{"location": "amount_micros", "message": message, "fix": "Choose a payable amount."}]
        raise Problem("yours:invalid", errors=errors)
    settle_lots(locked.organisation, now=moment)
    key = f"refund-{locked.pk}-{locked.refunded_micros}"
    lot = _lot_of(locked)
    if lot is None or not withdraw_credit(lot, amount_micros, ref=f"stripe:{key}", at=moment):
        raise Problem("yours:state", "Less than that is left of this payment.")
    TopUp.objects.filter(pk=locked.pk).update(refunded_micros=F("refunded_micros") + amount_micros)
    minor = amount_micros // micros_per_minor(locked.currency)
    send("stripe-refund", {"intent": locked.payment_intent, "amount": minor, "key": key}, dedupe_key=key)
    record_audit(
        locked.organisation,
        actor=by,
        action="credit.refund",
        subject=locked.pk,
        details={"amount_micros": amount_micros},
    )
    locked.refresh_from_db()
    return locked


def send_refund(payload: dict[str, Any]) -> None:
    """Handler of the outbox topic `stripe-refund`; Stripe's idempotency key makes a repeated call the same refund."""
    stripe_client().v1.refunds.create(
        params={"payment_intent": payload["intent"], "amount": payload["amount"]},
        options={"idempotency_key": payload["key"]},
    )


@transaction.atomic
def settle_dispute(dispute: Any, *, now: datetime | None = None) -> bool:
    """The bank took a payment back: what is left of its credit goes, and a person has to look at the organisation."""
    top_up = _top_up(payment_intent=str(dispute.payment_intent or "-"))
    if top_up is None or top_up.disputed_at is not None:
        return False
    moment = now or timezone.now()
    settle_lots(top_up.organisation, now=moment)
    lot = _lot_of(top_up)
    taken = 0
    if lot is not None and lot.left_micros > 0:
        taken = lot.left_micros
        if not withdraw_credit(lot, taken, ref=f"stripe:dispute:{dispute.id}", at=moment):
            taken = 0
    TopUp.objects.filter(pk=top_up.pk).update(disputed_at=moment, refunded_micros=F("refunded_micros") + taken)
    reason = "A payment is disputed with the bank. Write to us to settle it"
    Organisation.objects.filter(pk=top_up.organisation_id, suspended_reason="").update(suspended_reason=reason)
    record_audit(
        top_up.organisation,
        actor="system",
        action="payment.dispute",
        subject=top_up.pk,
        details={"dispute": dispute.id, "withdrawn_micros": taken},
    )
    return True


def _top_up(**which: Any) -> TopUp | None:
    rows = TopUp.objects.select_for_update(no_key=True, of=("self",)).select_related("organisation")
    return rows.filter(**which).first()


def _lot_of(top_up: TopUp) -> CreditLot | None:
    refs = [f"stripe:checkout:{top_up.checkout_session}", f"stripe:intent:{top_up.payment_intent}"]
    posted = LedgerTransaction.objects.filter(ref__in=refs).values_list("ref", flat=True)
    return CreditLot.objects.select_related("organisation").filter(ref__in=list(posted)).first()
