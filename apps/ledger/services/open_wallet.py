"""Opens an organisation's credit wallet; asking again returns the same one."""

from apps.accounts.models import Organisation
from apps.ledger.models import Wallet


def credit_wallet(organisation: Organisation) -> Wallet:
    wallet, _ = Wallet.objects.of(organisation).get_or_create(
        budget=None, defaults={"organisation": organisation, "currency": organisation.currency}
    )
    return wallet
