"""Makes our meters, plans and their prices stand at Stripe: found there by names of our own, else created, once.

A meter counts micros, so its price is one micro whatever the price book says: the book decided the amount before. The
only licensed price is a plan's fee, one per version of the plan.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import stripe
from django.conf import settings

from apps.billing.models import Plan, StripeObject
from apps.billing.rules import micros_per_minor
from apps.billing.stripe_client import stripe_client
from apps.ledger.models import Price
from contracts.usage import METER_COMMITMENT


def event_name(meter: str) -> str:
    """Return the name under which Stripe knows a meter of ours."""
    return f"{settings.STRIPE_METER_EVENT_NAME}_{meter}"


def metered(currency: str) -> list[str]:
    """Return the meters that a subscription has an item for: those of the price book, and what a minimum adds.

    Fees have the licensed price instead; what is taken off is told too, but a negative sum has no line at Stripe.
    """
    booked = Price.objects.filter(currency=currency).values_list("meter", flat=True)
    return sorted({*booked, METER_COMMITMENT})


def ensure_meter(meter: str) -> str:
    """Return Stripe's id of the meter. stripe.StripeError when Stripe cannot be asked."""
    name = event_name(meter)

    def find() -> Any:
        rows = stripe_client().v1.billing.meters.list(params={"status": "active", "limit": 100})
        return next((one for one in rows.auto_paging_iter() if one.event_name == name), None)

    def make() -> Any:
        return stripe_client().v1.billing.meters.create(
            params={
                "display_name": f"{_title(meter)} in millionths",
                "event_name": name,
                "default_aggregation": {"formula": "sum"},
                "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
                "value_settings": {"event_payload_key": "value"},
            },
            options={"idempotency_key": f"meter-{name}"},
        )

    return _ensure(f"meter:{name}", find, make)


def ensure_fee_price(plan: Plan) -> str:
    """Return Stripe's id of the licensed monthly price of this version of the plan."""
    product = _ensure_product(f"modelyard_plan_{plan.name}", plan.title)
    recurring = {"interval": "month", "usage_type": "licensed"}
    return _ensure_price(f"modelyard_{plan.pk}", product, plan.currency, plan.fee_micros, recurring)


def ensure_metered_price(meter: str, currency: str) -> str:
    """Return Stripe's id of the price of one micro of the meter."""
    product = _ensure_product(f"modelyard_meter_{meter}", _title(meter))
    recurring = {"interval": "month", "usage_type": "metered", "meter": ensure_meter(meter)}
    return _ensure_price(f"modelyard_{meter}_{currency}", product, currency, 1, recurring)


def _ensure_product(name: str, title: str) -> str:
    def find() -> Any:
        try:
            return stripe_client().v1.products.retrieve(name)
        except stripe.InvalidRequestError as error:
            if error.code == "resource_missing":
                return None
            raise

    def make() -> Any:
        options: Any = {"idempotency_key": f"product-{name}"}
        return stripe_client().v1.products.create(params={"id": name, "name": title}, options=options)

    return _ensure(f"product:{name}", find, make)


def _ensure_price(name: str, product: str, currency: str, micros: int, recurring: Any) -> str:
    def find() -> Any:
        rows = stripe_client().v1.prices.list(params={"lookup_keys": [name]})
        return next(iter(rows.data), None)

    def make() -> Any:
        return stripe_client().v1.prices.create(
            params={
                "product": product,
                "currency": currency.lower(),
                "lookup_key": name,
                "recurring": recurring,
                "unit_amount_decimal": Decimal(micros) / micros_per_minor(currency),
            },
            options={"idempotency_key": f"price-{name}"},
        )

    return _ensure(f"price:{name}", find, make)


def _ensure(key: str, find: Callable[[], Any], make: Callable[[], Any]) -> str:
    """Ask our table, then Stripe, then create; a lost answer is found the next time."""
    known = StripeObject.objects.filter(pk=key).first()
    if known is None:
        standing = find() or make()
        known, _ = StripeObject.objects.get_or_create(pk=key, defaults={"stripe_id": standing.id})
    return known.stripe_id


def _title(meter: str) -> str:
    return meter.replace("_", " ").capitalize()
