"""Makes an organisation with its owner, welcome credit and a key: what `manage.py bootstrap` prints."""

import secrets
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db import transaction

from apps.accounts.models import Membership, Organisation, User
from apps.accounts.services.create_api_key import create_api_key
from apps.accounts.services.create_organisation import create_organisation
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.open_wallet import credit_wallet
from contracts.keys import SCOPES


@dataclass(frozen=True)
class FirstAccount:
    organisation: str
    slug: str
    user: str
    email: str
    password: str | None  # None: the user was there already and keeps theirs
    api_key: str | None


@transaction.atomic
def first_account(
    organisation_name: str,
    email: str,
    *,
    password: str = "",
    credit_micros: int,
    with_key: bool = True,
    is_operator: bool = False,
) -> FirstAccount:
    """Find or make the user and their organisation of this name; credit is granted once, a key made each time."""
    user, shown_password = _user(email, password, is_operator)
    organisation = _organisation(organisation_name, user)
    credit_wallet(organisation)
    if credit_micros > 0:
        grant_credit(organisation, amount_micros=credit_micros, ref=f"welcome:{organisation.pk}", note="Welcome credit")
    key = _key(organisation, user) if with_key else None
    return FirstAccount(organisation.pk, organisation.slug, user.pk, user.email, shown_password, key)


def _user(email: str, password: str, is_operator: bool) -> tuple[User, str | None]:
    user = User.objects.filter(email=email.lower()).first()
    shown = password or (None if user else secrets.token_urlsafe(12))
    if user is None:
        user = User.objects.create_user(email, shown)
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    elif password:
        user.set_password(password)
    if is_operator:
        user.is_staff = user.is_superuser = True
    user.save()
    return user, shown


def _organisation(name: str, user: User) -> Organisation:
    membership = Membership.objects.filter(user=user, organisation__name=name).select_related("organisation").first()
    return membership.organisation if membership else create_organisation(name, owner=user)


def _key(organisation: Organisation, user: User) -> str:
    _, secret = create_api_key(organisation, name="Made by bootstrap", scopes=SCOPES, created_by=user)
    return secret
