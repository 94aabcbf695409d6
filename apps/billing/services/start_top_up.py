"""Starts buying credit: a Stripe Checkout session whose page takes the payment."""

from urllib.parse import urlsplit

import stripe
from django.conf import settings

from apps.accounts.models import Organisation
from apps.billing.models import TopUp
from apps.billing.rules import amount_text, micros_per_minor
from apps.billing.services.ensure_customer import ensure_customer
from apps.billing.stripe_client import stripe_client, unavailable
from apps.ledger.currencies import card_step_micros, currency_of
from contracts.problems import Problem


def start_top_up(organisation: Organisation, *, amount_micros: int, return_url: str = "") -> TopUp:
    """Return the pending top-up with its `checkout_url`. Problem yours:invalid, ours:payments-unavailable."""
    _check_amount(amount_micros, organisation.currency)
    return_url = _checked_return(organisation, return_url)
    top_up = TopUp.objects.create(
        organisation=organisation, amount_micros=amount_micros, currency=organisation.currency
    )
    try:
        session = _open_session(organisation, top_up, return_url)
    except stripe.StripeError as error:
        raise unavailable(error) from error
    top_up.checkout_session, top_up.checkout_url = session.id, session.url or ""
    top_up.save(update_fields=["checkout_session", "checkout_url"])
    return top_up


def _open_session(organisation: Organisation, top_up: TopUp, return_url: str) -> stripe.checkout.Session:
    customer = ensure_customer(organisation)
    joint = "&" if "?" in return_url else "?"
    return stripe_client().v1.checkout.sessions.create(
        params={
            "mode": "payment",
            "customer": customer.stripe_id,
            "client_reference_id": top_up.pk,
            "success_url": f"{return_url}{joint}top_up={top_up.pk}",
            "cancel_url": return_url,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": top_up.currency.lower(),
                        "unit_amount": top_up.amount_micros // micros_per_minor(top_up.currency),
                        "product_data": {"name": "Modelyard credit"},
                    },
                }
            ],
            "metadata": {"top_up": top_up.pk, "organisation": organisation.pk},
        },
        options={"idempotency_key": f"checkout-{top_up.pk}"},
    )


def _check_amount(amount_micros: int, currency: str) -> None:
    bounds, step = currency_of(currency), card_step_micros(currency)
    if not bounds.least_micros <= amount_micros <= bounds.most_micros or amount_micros % step:
        least, most = (amount_text(micros, currency) for micros in (bounds.least_micros, bounds.most_micros))
        message = f"must be {least} to {most}, in steps of {amount_text(step, currency)}"
        fix = "Choose an amount that can be paid by card."
        raise Problem("yours:invalid", errors=[{"location": "amount_micros", "message": message, "fix": fix}])


def _checked_return(organisation: Organisation, return_url: str) -> str:
    """Only our own pages: a foreign address here would be an open redirect with our name on it."""
    if not return_url:
        return f"{settings.PUBLIC_URL}/o/{organisation.slug}/billing"
    ours, given = urlsplit(settings.PUBLIC_URL), urlsplit(return_url)
    if (given.scheme, given.netloc) != (ours.scheme, ours.netloc):
        message = f"must begin with {settings.PUBLIC_URL}"
        raise Problem("yours:invalid", errors=[{"location": "return_url", "message": message, "fix": "Leave it out."}])
    return return_url
