"""Make an organisation with its first owner."""

import secrets

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from apps.accounts.models import Membership, Organisation, Role, User
from apps.accounts.services.record_audit import record_audit
from contracts.problems import Problem

_ATTEMPTS = 5


def create_organisation(name: str, *, owner: User, currency: str = "USD") -> Organisation:
    """The slug comes from the name, with a random tail where that is taken."""
    name = " ".join(name.split())
    if not name or len(name) > 120:
        raise Problem("yours:invalid", "An organisation's name has 1 to 120 characters.")
    with transaction.atomic():
        organisation = _with_free_slug(name, currency)
        Membership.objects.create(organisation=organisation, user=owner, role=Role.OWNER)
        record_audit(organisation, actor=owner, action="organisation.create", subject=organisation.pk)
    return organisation


def _with_free_slug(name: str, currency: str) -> Organisation:
    stem = slugify(name.replace("_", " "))[:50].strip("-") or "organisation"
    slug = stem
    for _ in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                return Organisation.objects.create(name=name, slug=slug, currency=currency)
        except IntegrityError:
            slug = f"{stem}-{secrets.token_hex(3)}"
    raise Problem("yours:conflict", "That name is taken; choose another.")
