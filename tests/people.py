"""Alice owns the organisation, Bob is a member, Viola may only look, Charlie is a stranger with one of his own."""

from dataclasses import dataclass

from apps.accounts.models import ApiKey, Membership, Organisation, Role, User
from apps.accounts.services.create_api_key import create_api_key
from apps.ledger.services.grant_credit import grant_credit
from contracts.keys import SCOPES

PASSWORD = "correct horse battery"
CREDIT_MICROS = 5_000_000


@dataclass(frozen=True)
class People:
    organisation: Organisation  # Alice's
    alice: User  # owner
    bob: User  # member
    viola: User  # viewer
    elsewhere: Organisation  # Charlie's
    charlie: User  # a stranger to Alice's organisation


def make_people() -> People:
    """Two organisations and four people, all in the test database."""
    alice, bob, viola, charlie = (
        User.objects.create_user(f"{name}@example.com", PASSWORD) for name in ("alice", "bob", "viola", "charlie")
    )
    organisation = Organisation.objects.create(name="Acme", slug="acme")
    elsewhere = Organisation.objects.create(name="Elsewhere", slug="elsewhere")
    for where, user, role in (
        (organisation, alice, Role.OWNER),
        (organisation, bob, Role.MEMBER),
        (organisation, viola, Role.VIEWER),
        (elsewhere, charlie, Role.OWNER),
    ):
        Membership.objects.create(organisation=where, user=user, role=role)
    return People(organisation, alice, bob, viola, elsewhere, charlie)


def give_credit(organisation: Organisation, micros: int = CREDIT_MICROS) -> None:
    """Put prepaid credit on the organisation's wallet, once."""
    grant_credit(organisation, amount_micros=micros, ref=f"test-credit:{organisation.pk}")


def key_for(organisation: Organisation, user: User, scopes: tuple[str, ...] = SCOPES) -> tuple[ApiKey, str]:
    """A live API key and its secret."""
    return create_api_key(organisation, name=f"{user.email}'s key", scopes=scopes, created_by=user)
