"""Ends leases: what was not spent goes back to the wallet it came from."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.compute.models import Node
from apps.ledger.models import Wallet
from apps.ledger.rules import Movement
from apps.ledger.services.move_money import move_money
from apps.metering.models import Lease
from apps.metering.rules import ABANDONED_AFTER_S
from contracts.usage import LeaseClose

BATCH = 200  # leases a transaction: wallets stay locked for milliseconds


def close_leases(node: Node, close: LeaseClose) -> int:
    """Close the named leases of this node, and those of its other boots when asked. Returns how many were open.

    Not bound to the boot for named ones: a lease id is enough, and closing again changes nothing.
    """
    wanted = Q(pk__in=close.leases)
    if close.close_other_boots:
        wanted |= ~Q(boot=close.boot)
    return _close(Lease.objects.filter(wanted, node=node))


def close_abandoned_leases(*, now: datetime | None = None) -> int:
    """Close leases of nodes that never came back: our loss is at most the block."""
    cutoff = (now or timezone.now()) - timedelta(seconds=ABANDONED_AFTER_S)
    return _close(Lease.objects.filter(expires_at__lt=cutoff))


def _close(leases: QuerySet[Lease]) -> int:
    total = 0
    while closed := _close_batch(leases):
        total += closed
    return total


@transaction.atomic
def _close_batch(leases: QuerySet[Lease]) -> int:
    # Leases before wallets, each in id order: the same order in which usage is absorbed, so nobody waits in a circle.
    batch = list(leases.filter(state="open").order_by("pk").select_for_update(no_key=True)[:BATCH])
    wallets = Wallet.objects.select_related("organisation").in_bulk({lease.wallet_id for lease in batch})
    for lease in sorted(batch, key=lambda lease: (lease.wallet_id, lease.pk)):
        unspent = lease.granted_micros - lease.spent_micros
        moved = move_money(
            wallets[lease.wallet_id], Movement(give_back=unspent), kind="lease-close", ref=f"lease-close:{lease.pk}"
        )
        if not moved:
            raise RuntimeError(f"wallet {lease.wallet_id} holds less than lease {lease.pk} has left")
    Lease.objects.filter(pk__in=[lease.pk for lease in batch]).update(state="closed", closed_at=timezone.now())
    return len(batch)
