"""Opens an account: organisation, credit wallet and the welcome credit, all or nothing."""

from django.conf import settings
from django.db import transaction

from apps.accounts.models import Organisation, User
from apps.accounts.services.create_organisation import create_organisation
from apps.billing.services.change_currency import check_offered, grant_welcome
from apps.billing.services.change_plan import start_default_plan
from apps.ledger.services.open_wallet import credit_wallet


@transaction.atomic
def open_account(name: str, *, owner: User, currency: str = "") -> Organisation:
    """`currency` is one of change_currency.offered_currencies(); left out, the default one."""
    currency = check_offered(currency or settings.DEFAULT_CURRENCY)
    organisation = create_organisation(name, owner=owner, currency=currency)
    credit_wallet(organisation)
    start_default_plan(organisation)
    grant_welcome(organisation)
    return organisation
