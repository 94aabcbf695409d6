"""Turns a paid Checkout session into credit, once: the ledger's `stripe:checkout:<id>` is the guard."""

import logging

import stripe
from django.db import transaction
from django.utils import timezone

from apps.billing.models import StripeCustomer, TopUp
from apps.billing.rules import micros_per_minor
from apps.billing.services.settle_payment import tell_paid
from apps.billing.stripe_client import stripe_client
from apps.ledger.services.grant_credit import grant_credit

log = logging.getLogger(__name__)


@transaction.atomic
def settle_top_up(session: stripe.checkout.Session) -> bool:
    """Bring our top-up to the state of Stripe's object, fetched from Stripe a moment ago. True: credit was granted."""
    top_up = (
        TopUp.objects.select_for_update(no_key=True, of=("self",))
        .select_related("organisation")
        .filter(pk=session.client_reference_id or "")
        .first()
    )
    if top_up is None:
        log.warning("checkout session %s belongs to no top-up of ours", session.id)
        return False
    if session.status == "expired" and top_up.state == "pending":
        TopUp.objects.filter(pk=top_up.pk).update(state="expired")
    if session.payment_status != "paid" or top_up.state == "paid":
        return False
    if reason := _mismatch(session, top_up):
        # Money has arrived that is not what was asked for: a person has to look, nothing is granted by guess.
        log.error("checkout session %s was paid, but %s; no credit was granted", session.id, reason)
        return False
    granted = grant_credit(
        top_up.organisation,
        amount_micros=top_up.amount_micros,
        ref=f"stripe:checkout:{session.id}",
        source="stripe",
        note=f"Top-up {top_up.pk}",
    )
    TopUp.objects.filter(pk=top_up.pk).update(
        state="paid",
        paid_at=timezone.now(),
        checkout_session=session.id,
        payment_intent=str(session.payment_intent or ""),
    )
    tell_paid(top_up)
    return granted is not None


def refresh_top_up(top_up: TopUp) -> TopUp:
    """Ask Stripe how a top-up stands: for the page people return to, in case the webhook is late."""
    if top_up.state == "pending" and top_up.checkout_session:
        settle_top_up(stripe_client().v1.checkout.sessions.retrieve(top_up.checkout_session))
        top_up.refresh_from_db()
    return top_up


def _mismatch(session: stripe.checkout.Session, top_up: TopUp) -> str:
    if (session.amount_total or 0) * micros_per_minor(top_up.currency) != top_up.amount_micros:
        return f"the amount is {session.amount_total}, not {top_up.amount_micros} micros"
    if (session.currency or "").upper() != top_up.currency:
        return f"the currency is {session.currency}"
    customer = session.customer if isinstance(session.customer, str) else getattr(session.customer, "id", None)
    if not StripeCustomer.objects.filter(organisation=top_up.organisation, stripe_id=customer).exists():
        return f"the customer is {customer}"
    return ""
