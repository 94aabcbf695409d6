"""Opens an account: organisation, credit wallet and the welcome credit, all or nothing."""

from django.conf import settings
from django.db import transaction

from apps.accounts.models import Organisation, User
from apps.accounts.services.create_organisation import create_organisation
from apps.billing.services.change_plan import start_default_plan
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.open_wallet import credit_wallet


@transaction.atomic
def open_account(name: str, *, owner: User, currency: str = "USD") -> Organisation:
    organisation = create_organisation(name, owner=owner, currency=currency)
    credit_wallet(organisation)
    start_default_plan(organisation)
    if settings.WELCOME_CREDIT_MICROS:
        grant_credit(
            organisation,
            amount_micros=settings.WELCOME_CREDIT_MICROS,
            ref=f"welcome:{organisation.pk}",
            note="Welcome credit",
        )
    return organisation
