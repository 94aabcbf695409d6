"""Attributes what was spent to the lots of credit, in their order of use, and lets what has run out expire.

1. lock the wallet, 2. what was spent since the last time takes from the lots (what was refunded goes back to them),
3. what is left of lots past their end leaves the wallet, as far as it is not lent out; the rest follows later.
Usage is attributed before anything expires: what was used in time is paid by the credit that was there in time.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.ledger import lots as order
from apps.ledger.models import CreditLot, Wallet
from apps.ledger.services.take_credit import expire_credit


@transaction.atomic
def settle_lots(organisation: Organisation, *, now: datetime | None = None) -> int:
    """Return the micros that expired now."""
    moment = now or timezone.now()
    wallet = Wallet.objects.select_for_update().of(organisation).filter(budget=None).first()
    if wallet is None:
        return 0
    delta = wallet.spent_micros - wallet.attributed_micros
    if delta > 0:
        _spend(organisation, wallet, delta)
    elif delta < 0:
        _give_back(organisation, wallet, -delta, moment)
    return _expire(organisation, moment)


def settle_due_lots(*, now: datetime | None = None) -> int:
    """Settle every organisation that has spent something unattributed or credit that is over; return the micros."""
    moment = now or timezone.now()
    over = CreditLot.objects.filter(expires_at__lte=moment, left_micros__gt=0).values("organisation")
    moved = Wallet.objects.filter(budget=None).exclude(spent_micros=F("attributed_micros")).values("organisation")
    due = Organisation.objects.filter(Q(pk__in=over) | Q(pk__in=moved)).order_by("pk")
    return sum(settle_lots(organisation, now=moment) for organisation in due.iterator())


def _spend(organisation: Organisation, wallet: Wallet, micros: int) -> None:
    """What no lot covers (post-paid customers) stays unattributed until a grant comes."""
    taken = order.spend(_lots(organisation, left_micros__gt=0), micros)
    _move(wallet, taken)


def _give_back(organisation: Organisation, wallet: Wallet, micros: int, now: datetime) -> None:
    returned, rest = order.give_back(_lots(organisation, used_micros__gt=0), micros, now)
    _move(wallet, {lot: -part for lot, part in returned.items()})
    if rest:  # its own lots are over: it comes back as credit without an end
        CreditLot.objects.create(
            organisation=organisation,
            kind=order.RETURNED,
            ref=f"returned:{wallet.pk}:{wallet.attributed_micros}:{now.isoformat()}",
            note="Credit that came back",
            currency=wallet.currency,
            amount_micros=0,
            used_micros=-rest,
            granted_at=now,
        )
        Wallet.objects.filter(pk=wallet.pk).update(attributed_micros=F("attributed_micros") - rest)


def _move(wallet: Wallet, parts: dict[str, int]) -> None:
    for lot_id, part in parts.items():
        CreditLot.objects.filter(pk=lot_id).update(used_micros=F("used_micros") + part)
    Wallet.objects.filter(pk=wallet.pk).update(attributed_micros=F("attributed_micros") + sum(parts.values()))


def _expire(organisation: Organisation, now: datetime) -> int:
    expired = 0
    over = CreditLot.objects.of(organisation).filter(expires_at__lte=now, left_micros__gt=0)
    for lot in over.select_related("organisation").order_by("expires_at", "pk"):
        free = Wallet.objects.of(organisation).filter(budget=None).values_list("available_micros", flat=True)[0]
        part = min(lot.left_micros, max(0, free))
        if part and expire_credit(lot, part, ref=f"expiry:{lot.pk}:{lot.expired_micros}", at=now):
            expired += part
    return expired


def _lots(organisation: Organisation, **which: int) -> list[order.Lot]:
    rows = CreditLot.objects.of(organisation).filter(**which)
    return [
        order.Lot(row.pk, row.kind, row.left_micros, row.used_micros, row.expires_at, row.granted_at) for row in rows
    ]
