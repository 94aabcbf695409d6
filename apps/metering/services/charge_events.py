"""Charges freshly inserted usage events to the leases they were served from, wallet by wallet."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import F

from apps.accounts.models import Organisation
from apps.ledger.models import Wallet
from apps.ledger.rules import Movement
from apps.ledger.services.move_money import move_money
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.models import Lease
from apps.metering.rules import Charge, charge_records, month_start
from apps.metering.services.insert_events import EventRow
from apps.metering.services.write_overage import write_overage
from contracts.usage import UsageRecord

Group = tuple[str, str]  # wallet id, ledger ref


def charge_events(events: Sequence[EventRow], records: Mapping[str, UsageRecord]) -> None:
    """Move held -> spent for what leases cover; late usage of a closed lease takes free credit, as far as there is any.

    Locks leases, then wallets, each in id order. Runs in the caller's transaction.
    """
    if not events:
        return
    leases = _locked_leases({lease for event in events for lease in records[event.id].leases.values()})
    credit = _credit_wallets({event.organisation_id for event in events})
    budget_ids = {lease.wallet_id for lease in leases.values()} - set(credit.values())
    wallets = _locked_wallets({*credit.values(), *budget_ids})
    groups: dict[Group, list[EventRow]] = defaultdict(list)
    for event in events:
        groups[credit[event.organisation_id], event.ledger_ref].append(event)
        for lease_id in set(records[event.id].leases.values()):
            wallet = wallets.get(leases[lease_id].wallet_id) if lease_id in leases else None
            if wallet and wallet.budget_id and wallet.organisation_id == event.organisation_id:
                groups[wallet.pk, event.ledger_ref].append(event)
    left = {lease.pk: lease.granted_micros - lease.spent_micros for lease in leases.values() if lease.state == "open"}
    for wallet_id, ref in sorted(groups):
        group = groups[wallet_id, ref]
        charge = _charge_group(wallets[wallet_id], group, records, leases, left)
        _settle(wallets[wallet_id], group, charge, ref)
    for lease in leases.values():
        taken = lease.granted_micros - lease.spent_micros - left.get(lease.pk, 0) if lease.state == "open" else 0
        if taken:
            Lease.objects.filter(pk=lease.pk).update(spent_micros=F("spent_micros") + taken)


def _charge_group(
    wallet: Wallet,
    events: Sequence[EventRow],
    records: Mapping[str, UsageRecord],
    leases: Mapping[str, Lease],
    left: dict[str, int],
) -> Charge:
    rows = []
    counts_units = wallet.budget is not None and wallet.budget.measure == "units"
    for event in events:
        ids = records[event.id].leases.values()
        lease_id = next((x for x in ids if x in leases and leases[x].wallet_id == wallet.pk), "")
        rows.append((event.id, lease_id, event.units if counts_units else event.amount_micros))
    # A missing or closed lease has nothing left; its usage is paid from free credit, never below zero.
    return charge_records(
        rows, lease_left=left, spendable_micros=max(0, wallet.available_micros + wallet.overdraft_micros)
    )


def _settle(wallet: Wallet, events: Sequence[EventRow], charge: Charge, ref: str) -> None:
    is_credit = wallet.budget_id is None
    movement = Movement(
        charge_held=charge.held_micros,
        charge_available=charge.from_available,
        write_off=charge.overage_micros if is_credit else 0,
    )
    latest = max(event.occurred_at for event in events)
    latest = max(latest, month_start(events[0].period))  # late usage is money of the month it is billed in
    if not move_money(wallet, movement, kind="usage", ref=ref, at=latest):
        raise RuntimeError(f"wallet {wallet.pk} changed under its lock")
    wallet.available_micros += movement.available_change
    if is_credit:
        write_overage(events, charge.overage)


def _credit_wallets(organisation_ids: set[str]) -> dict[str, str]:
    wallets = dict(
        Wallet.objects.filter(budget=None, organisation__in=organisation_ids).values_list("organisation_id", "pk")
    )
    for organisation in Organisation.objects.filter(pk__in=organisation_ids - wallets.keys()):
        wallets[organisation.pk] = credit_wallet(organisation).pk
    return wallets


def _locked_leases(ids: set[str]) -> dict[str, Lease]:
    rows = Lease.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    return {lease.pk: lease for lease in rows}


def _locked_wallets(ids: set[str]) -> dict[str, Wallet]:
    rows = (
        Wallet.objects.filter(pk__in=ids)
        .select_related("organisation", "budget")
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
    )
    return {wallet.pk: wallet for wallet in rows}
