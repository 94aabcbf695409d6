"""Sets when credit is bought by itself, and saves the payment method for it on Stripe's page."""

from typing import Any

import stripe
from django.conf import settings
from django.db import transaction

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.billing.models import AutoTopUp
from apps.billing.services.ensure_customer import ensure_customer
from apps.billing.stripe_client import stripe_client, unavailable
from apps.ledger.currencies import currency_of
from contracts.ids import new_id
from contracts.problems import Problem


def auto_top_up_of(organisation: Organisation) -> AutoTopUp:
    """Return the settings; an organisation that never set any has them off."""
    return AutoTopUp.objects.filter(pk=organisation.pk).first() or AutoTopUp(organisation=organisation)


@transaction.atomic
def set_auto_top_up(
    organisation: Organisation,
    *,
    is_on: bool,
    threshold_micros: int,
    amount_micros: int,
    monthly_cap_micros: int,
    by: User | ApiKey | str,
) -> AutoTopUp:
    """Problem yours:invalid; yours:state when it is switched on without a payment method."""
    _check(organisation.currency, threshold_micros, amount_micros, monthly_cap_micros)
    row, _ = AutoTopUp.objects.select_for_update().get_or_create(organisation=organisation)
    if is_on and not row.payment_method:
        raise Problem("yours:state", "Save a payment method first.")
    row.is_on, row.failures, row.last_error = is_on, 0, ""
    row.threshold_micros, row.amount_micros = threshold_micros, amount_micros
    row.monthly_cap_micros, row.tried_at = monthly_cap_micros, None
    row.save()
    details = {"is_on": is_on, "threshold_micros": threshold_micros, "amount_micros": amount_micros}
    record_audit(organisation, actor=by, action="credit.auto", details={**details, "cap_micros": monthly_cap_micros})
    return row


def start_card_setup(organisation: Organisation, *, return_url: str = "") -> str:
    """Return the address of Stripe's page that saves a payment method. Problem ours:payments-unavailable."""
    back = return_url or f"{settings.PUBLIC_URL}/o/{organisation.slug}/billing/credit"
    try:
        customer = ensure_customer(organisation)
        session = stripe_client().v1.checkout.sessions.create(
            params={
                "mode": "setup",
                "currency": organisation.currency.lower(),
                "customer": customer.stripe_id,
                "client_reference_id": organisation.pk,
                "success_url": f"{back}?card=saved",
                "cancel_url": back,
            },
            options={"idempotency_key": f"setup-{new_id('top')}"},
        )
    except stripe.StripeError as error:
        raise unavailable(error) from error
    AutoTopUp.objects.update_or_create(organisation=organisation, defaults={"setup_session": session.id})
    return str(session.url)


def take_card(organisation: Organisation) -> bool:
    """Ask Stripe whether the page that was opened last saved a payment method; keep its id."""
    row = AutoTopUp.objects.filter(pk=organisation.pk).exclude(setup_session="").first()
    if row is None:
        return False
    client = stripe_client().v1
    session: Any = client.checkout.sessions.retrieve(row.setup_session)
    if session.status != "complete" or not session.setup_intent:
        return False
    intent: Any = client.setup_intents.retrieve(str(session.setup_intent))
    if intent.status != "succeeded":
        return False
    AutoTopUp.objects.filter(pk=row.pk, setup_session=row.setup_session).update(
        payment_method=str(intent.payment_method), setup_session="", failures=0, last_error=""
    )
    return True


def open_portal(organisation: Organisation, *, return_url: str) -> str:
    """Return the address of Stripe's customer portal: payment methods and receipts."""
    try:
        customer = ensure_customer(organisation)
        session = stripe_client().v1.billing_portal.sessions.create(
            params={"customer": customer.stripe_id, "return_url": return_url}
        )
    except stripe.StripeError as error:
        raise unavailable(error) from error
    return str(session.url)


def _check(currency: str, threshold_micros: int, amount_micros: int, cap_micros: int) -> None:
    errors = []
    bounds = currency_of(currency)
    if not 0 <= threshold_micros <= bounds.most_micros:
        errors.append({"location": "threshold_micros", "message": "is no sensible amount", "fix": "Lower it."})
    if not bounds.least_micros <= amount_micros <= bounds.most_micros or amount_micros % 1_000_000:
        fix = "Choose whole units of the currency."
        errors.append({"location": "amount_micros", "message": "cannot be collected by card", "fix": fix})
    if cap_micros < amount_micros:
        fix = "Raise the cap or lower the amount."
        errors.append({"location": "monthly_cap_micros", "message": "is below the amount", "fix": fix})
    if errors:
        raise Problem("yours:invalid", errors=errors)
