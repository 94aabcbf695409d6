"""Makes an organisation known to Stripe, once."""

from django.db import transaction

from apps.accounts.models import Membership, Organisation, Role
from apps.billing.models import StripeCustomer
from apps.billing.stripe_client import stripe_client


def ensure_customer(organisation: Organisation) -> StripeCustomer:
    """Return the customer. The idempotency key makes two callers at once get the same one from Stripe."""
    known = StripeCustomer.objects.filter(organisation=organisation).first()
    if known is not None:
        return known
    owner = Membership.objects.of(organisation).filter(role=Role.OWNER).select_related("user").order_by("pk").first()
    params = {"name": organisation.name, "metadata": {"organisation": organisation.pk}}
    if owner is not None:
        params["email"] = owner.user.email
    customer = stripe_client().v1.customers.create(
        params=params,  # type: ignore[arg-type]
        options={"idempotency_key": f"customer-{organisation.pk}"},
    )
    with transaction.atomic():
        made, _ = StripeCustomer.objects.get_or_create(organisation=organisation, defaults={"stripe_id": customer.id})
    return made
