"""Whom invoices are written to: read, change, and the copy that an invoice keeps."""

import re
from typing import Any

from django.db import transaction

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.billing.models import BillingProfile
from contracts.problems import Problem

FIELDS = (
    "legal_name",
    "email",
    "line1",
    "line2",
    "postal_code",
    "city",
    "country",
    "tax_id_type",
    "tax_id",
    "purchase_order",
)
TAX_ID_TYPES = ("eu_vat", "gb_vat", "us_ein", "ch_vat", "no_vat", "au_abn", "ca_bn", "jp_cn", "in_gst", "other")


def profile_of(organisation: Organisation) -> BillingProfile:
    """The stored profile, or an empty one that is not stored."""
    return BillingProfile.objects.of(organisation).first() or BillingProfile(organisation=organisation)


def profile_snapshot(organisation: Organisation) -> dict[str, str]:
    profile = profile_of(organisation)
    return {name: getattr(profile, name) for name in FIELDS} | {"name": organisation.name}


@transaction.atomic
def change_profile(organisation: Organisation, values: dict[str, Any], *, by: User | ApiKey | str) -> BillingProfile:
    """Problem yours:invalid with a line per wrong field."""
    _check(values)
    profile, _ = BillingProfile.objects.update_or_create(organisation=organisation, defaults=values)
    record_audit(organisation, actor=by, action="billing.profile", details={"fields": sorted(values)})
    return profile


def _check(values: dict[str, Any]) -> None:
    errors = []
    if unknown := set(values) - set(FIELDS):
        raise ValueError(f"no such fields: {unknown}")
    country = values.get("country", "")
    if country and not re.fullmatch(r"[A-Z]{2}", country):
        errors.append({"location": "country", "message": "is no country code", "fix": "Write two letters, like DE."})
    kind = values.get("tax_id_type", "")
    if kind and kind not in TAX_ID_TYPES:
        fix = f"Choose one of {', '.join(TAX_ID_TYPES)}."
        errors.append({"location": "tax_id_type", "message": f"{kind!r} is unknown", "fix": fix})
    number = values.get("tax_id", "")
    if kind == "eu_vat" and number and not re.fullmatch(r"[A-Z]{2}[0-9A-Z+*.]{2,12}", number.replace(" ", "")):
        errors.append({"location": "tax_id", "message": "is no EU VAT number", "fix": "Begin with the country, DE…"})
    if errors:
        raise Problem("yours:invalid", errors=errors)
