"""Tells owners, admins and the billing address something about money, once per `dedupe_key`: by webhook and e-mail."""

from collections.abc import Mapping
from typing import Any

from apps.accounts.models import Membership, Organisation, Role
from apps.billing.models import BillingProfile
from apps.outbox.services.send import send
from apps.webhooks.services.emit import emit


def tell_people(
    organisation: Organisation, *, event: str, subject: str, text: str, data: Mapping[str, Any], dedupe_key: str
) -> bool:
    """False: it was told before. The event is the guard, because sent messages are forgotten after a week."""
    if not emit(organisation, event, data, dedupe_key=dedupe_key):
        return False
    people = Membership.objects.of(organisation).filter(role__in=[Role.OWNER, Role.ADMIN])
    addresses = set(people.values_list("user__email", flat=True))
    addresses |= {profile.email for profile in BillingProfile.objects.of(organisation) if profile.email}
    send(
        "mail",
        {"kind": "plain", "to": sorted(addresses), "subject": subject, "text": text},
        dedupe_key=dedupe_key,
    )
    return True
