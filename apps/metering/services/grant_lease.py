"""Lends a node a block of a wallet's money, which it may spend without asking until the lease ends."""

import time
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.accounts.queries import limits_of
from apps.accounts.rules import most_of
from apps.compute.models import Node
from apps.ledger.models import Budget, Wallet
from apps.ledger.rules import Movement
from apps.ledger.services.move_money import move_money
from apps.ledger.services.open_budget_wallet import open_budget_wallet
from apps.metering.models import Lease
from apps.metering.queries import units_in
from apps.metering.rules import LEASE_TTL_S, lease_size, month_after, month_of, month_start
from contracts.ids import new_id
from contracts.problems import Problem
from contracts.usage import METER_PREDICTIONS, LeaseGrant, LeaseRequest


def grant_lease(node: Node, request: LeaseRequest) -> LeaseGrant:
    """Return the grant. Problem yours:budget-exhausted (402) when the wallet has less than the least."""
    if request.want_micros < 0 or request.least_micros < 0:
        raise Problem("yours:invalid", "want_micros and least_micros cannot be negative.")
    _roll_when_over(request.wallet)
    with transaction.atomic():
        wallet = _locked_wallet(request.wallet)
        if wallet.budget_id is None:
            _pass_month(wallet)
        size = lease_size(
            want_micros=request.want_micros,
            least_micros=request.least_micros,
            spendable_micros=wallet.available_micros + wallet.overdraft_micros,
        )
        lease_id = new_id("les")
        if not size or not move_money(wallet, Movement(set_aside=size), kind="lease", ref=f"lease:{lease_id}"):
            raise _exhausted(wallet)
        Lease.objects.create(
            id=lease_id,
            wallet=wallet,
            node=node,
            boot=request.boot,
            granted_micros=size,
            expires_at=timezone.now() + timedelta(seconds=LEASE_TTL_S),
        )
    return LeaseGrant(
        id=lease_id,
        wallet=wallet.pk,
        granted_micros=size,
        expires_in_s=float(LEASE_TTL_S),
        server_time_us=time.time_ns() // 1000,
    )


def _roll_when_over(wallet_id: str) -> None:
    """Open the new period's wallet at once when a node asks for the old one: the change publishes itself."""
    old = (
        Wallet.objects.filter(pk=wallet_id, period_end__lte=timezone.now(), budget__deleted_at=None)
        .select_related("budget")
        .first()
    )
    if old is not None and old.budget is not None:
        open_budget_wallet(old.budget)


def _locked_wallet(wallet_id: str) -> Wallet:
    wallet = (
        Wallet.objects.select_for_update(no_key=True, of=("self",))
        .select_related("organisation", "budget")
        .filter(pk=wallet_id)
        .first()
    )
    if wallet is None:
        raise Problem("yours:not-found", "There is no such wallet; fetch the configuration again.")
    if wallet.organisation.suspended_reason:
        raise Problem("yours:suspended", wallet.organisation.suspended_reason, wallet=wallet.pk)
    if wallet.budget is not None and wallet.budget.deleted_at is not None:
        raise Problem("yours:not-found", "This budget was removed; fetch the configuration again.", wallet=wallet.pk)
    if wallet.period_end is not None and wallet.period_end <= timezone.now():
        raise _exhausted(wallet)
    return wallet


def _pass_month(wallet: Wallet) -> None:
    """A plan's predictions of the month: no lease beyond them. Nodes hold at most a block each at that moment."""
    most = most_of(limits_of(wallet.organisation), "predictions_per_month")
    if most is None:
        return
    month = month_of(timezone.now())
    used = units_in(wallet.organisation, meter=METER_PREDICTIONS, start=month_start(month))
    if used >= most:
        resets_at = month_start(month_after(month))
        raise Problem(
            "yours:budget-exhausted",
            f"The plan includes {most:,} predictions a month, and {used:,} are used. More from {resets_at:%d %B} on, "
            "or at once under a larger plan.",
            wallet=wallet.pk,
            resets_at=resets_at.isoformat(),
            available_micros=0,
        )


def _exhausted(wallet: Wallet) -> Problem:
    if wallet.budget is not None and wallet.budget.measure == "units":
        return _used_up(wallet, wallet.budget)
    what = f"The hard budget {wallet.budget} is used up." if wallet.budget else "There is no credit left."
    return Problem(
        "yours:budget-exhausted",
        what,
        wallet=wallet.pk,
        budget_id=wallet.budget_id,
        resets_at=wallet.period_end.isoformat() if wallet.period_end else None,
        available_micros=max(0, wallet.available_micros + wallet.overdraft_micros),
    )


def _used_up(wallet: Wallet, quota: Budget) -> Problem:
    """A quota of predictions; what is left of it may be too little for a request of many rows."""
    resets_at = wallet.period_end.isoformat() if wallet.period_end else None
    return Problem(
        "yours:budget-exhausted",
        f"The quota {quota} of {quota.limit_micros:,} predictions is used up.",
        wallet=wallet.pk,
        budget_id=quota.pk,
        resets_at=resets_at,
        available_micros=0,
        available_units=max(0, wallet.available_micros),
    )
