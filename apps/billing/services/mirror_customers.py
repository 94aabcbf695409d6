"""Keeps name, address and tax number of each Stripe customer as the billing profile has them."""

import logging
from typing import Any

import stripe

from apps.billing.models import BillingProfile, StripeCustomer
from apps.billing.stripe_client import stripe_client

log = logging.getLogger(__name__)
_ADDRESS = ("line1", "line2", "postal_code", "city", "country")


def mirror_customers() -> int:
    """Return how many customers were changed at Stripe."""
    changed = 0
    for row in StripeCustomer.objects.select_related("organisation", "organisation__billing_profile").order_by("pk"):
        wanted = wanted_customer(row)
        if row.told != wanted:
            try:
                _tell(row, wanted)
                changed += 1
            except stripe.StripeError as error:
                log.warning("the billing details of %s are not at Stripe yet: %s", row.pk, error)
    return changed


def wanted_customer(row: StripeCustomer) -> dict[str, Any]:
    """Return what Stripe should have; empty for an organisation that has said nothing about itself."""
    profile: BillingProfile | None = getattr(row.organisation, "billing_profile", None)
    said = {name: getattr(profile, name, "") for name in (*_ADDRESS, "legal_name", "email", "tax_id_type", "tax_id")}
    return {name: value for name, value in said.items() if value}


def _tell(row: StripeCustomer, wanted: dict[str, Any]) -> None:
    address = {name: wanted.get(name, "") for name in _ADDRESS}
    params: dict[str, Any] = {
        "name": wanted.get("legal_name", row.organisation.name),
        "address": address if any(address.values()) else "",
    }
    if "email" in wanted:
        params["email"] = wanted["email"]
    client = stripe_client().v1.customers
    client.update(row.stripe_id, params=params)  # type: ignore[arg-type]
    _tell_tax_id(row, wanted)
    StripeCustomer.objects.filter(pk=row.pk).update(told=wanted)


def _tell_tax_id(row: StripeCustomer, wanted: dict[str, Any]) -> None:
    """One number per customer: another one is added first, then the old one goes."""
    client = stripe_client().v1.customers.tax_ids
    number = (wanted.get("tax_id_type", ""), wanted.get("tax_id", "").replace(" ", ""))
    is_told = all(number) and number[0] != "other"  # Stripe has no such kind
    standing: Any = list(client.list(row.stripe_id).auto_paging_iter())
    if is_told and number not in {(one.type, one.value) for one in standing}:
        client.create(row.stripe_id, params={"type": number[0], "value": number[1]})
    for one in standing:
        if not is_told or (one.type, one.value) != number:
            client.delete(row.stripe_id, one.id)
