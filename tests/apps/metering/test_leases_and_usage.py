"""Leases out, usage in: each record counts once, nothing is overspent, and the books balance after every step."""

import contextlib
import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from apps.billing.services.reconcile import reconcile
from apps.compute.services.register_node import register_node
from apps.ledger.models import Wallet
from apps.ledger.queries import price_at
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.models import Lease, RefusedUsage, UsageEvent
from apps.metering.services.absorb_usage import absorb_usage
from apps.metering.services.close_leases import close_abandoned_leases, close_leases
from apps.metering.services.grant_lease import grant_lease
from contracts.problems import Problem
from contracts.usage import LeaseClose, LeaseRequest, UsagePost, UsageRecord
from tests.people import give_credit

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 5, 12, tzinfo=UTC)


def books_are_right():
    return [difference for check in reconcile() for difference in (check.differences)] == []


@pytest.fixture
def node(db):
    node, _ = register_node("serve-1", kind="serve", lifetime_s=3600)
    return node


@pytest.fixture
def wallet(people):
    give_credit(people.organisation, 100_000)
    return credit_wallet(people.organisation)


class Journal:
    """Writes records like a serve node does."""

    def __init__(self, organisation, node):
        self.organisation, self.node, self.price = (
            organisation,
            node,
            price_at("predictions", dimension="realtime", currency="USD"),
        )
        self.count = 0

    def record(self, lease=None, *, units=1, at=AT, **changes):
        self.count += 1
        values = {
            "id": f"rec-{self.count}",
            "organisation": self.organisation.pk,
            "endpoint": "ep_1",
            "key": "key_1",
            "model_version": "ver_1",
            "meter": "predictions",
            "units": units,
            "price_id": self.price.pk,
            "amount_micros": units * 100,
            "currency": "USD",
            "at_us": int(at.timestamp() * 1_000_000),
            "leases": {lease.wallet: lease.id} if lease else {},
        }
        return UsageRecord(**{**values, **changes})

    def post(self, records, *, start=0, end=None, segment="0001"):
        return absorb_usage(
            self.node, UsagePost("boot-1", segment, start, len(records) if end is None else end, records)
        )


@pytest.fixture
def journal(people, node):
    return Journal(people.organisation, node)


def lease_of(node, wallet, want=5_000, least=100, boot="boot-1"):
    return grant_lease(node, LeaseRequest(boot, wallet.pk, want, least))


def test_a_lease_moves_credit_aside_and_closing_gives_the_rest_back(node, wallet, journal):
    lease = lease_of(node, wallet)
    wallet.refresh_from_db()
    assert (wallet.available_micros, wallet.held_micros) == (95_000, 5_000)
    journal.post([journal.record(lease, units=3)])
    assert close_leases(node, LeaseClose("boot-1", [lease.id])) == 1
    assert close_leases(node, LeaseClose("boot-1", [lease.id])) == 0
    wallet.refresh_from_db()
    assert (wallet.available_micros, wallet.held_micros, wallet.spent_micros) == (99_700, 0, 300)
    assert books_are_right()


def test_a_block_is_at_most_a_twentieth_but_the_last_unit_can_be_spent(node, wallet):
    assert lease_of(node, wallet, want=50_000).granted_micros == 5_000
    granted = 5_000
    while granted < 100_000:
        granted += lease_of(node, wallet, want=50_000).granted_micros
    with pytest.raises(Problem) as refused:
        lease_of(node, wallet, want=1)
    assert granted == 100_000
    assert refused.value.status == 402
    assert refused.value.code == "yours:budget-exhausted"
    assert refused.value.extra["wallet"] == wallet.pk
    assert refused.value.extra["available_micros"] == 0
    assert books_are_right()


def test_a_replayed_and_overlapping_journal_counts_once(node, wallet, journal):
    lease = lease_of(node, wallet)
    records = [journal.record(lease) for _ in range(20)]
    assert journal.post(records[:10], start=0, end=10).cursor == 10
    answer = journal.post(records[:10], start=0, end=10)
    assert len(answer.duplicates) == 10
    assert journal.post(records[5:15], start=5, end=15).cursor == 15
    assert journal.post(records[18:], start=18, end=20).cursor == 15  # a gap: the cursor must not jump over it
    assert journal.post(records[15:], start=15, end=20).cursor == 20
    assert journal.post(records + records, start=0, end=20, segment="0002").cursor == 20
    wallet.refresh_from_db()
    assert UsageEvent.objects.count() == 20
    assert wallet.spent_micros == 2_000
    assert Lease.objects.get().spent_micros == 2_000
    assert books_are_right()


def test_a_record_whose_amount_disagrees_with_its_price_is_kept_aside(node, wallet, journal):
    lease = lease_of(node, wallet)
    wrong = journal.record(lease, amount_micros=99)
    foreign = journal.record(lease, organisation="org_nobody")
    odd = journal.record(lease, units="3", at_us=None)
    for _ in range(2):
        answer = journal.post([wrong, journal.record(lease), foreign, odd])
        assert answer.refused == [wrong.id, foreign.id, odd.id]
        assert answer.cursor == 4
    assert RefusedUsage.objects.count() == 3
    assert UsageEvent.objects.count() == 2
    assert books_are_right()


def test_usage_of_a_closed_lease_takes_free_credit_but_never_below_zero(node, wallet, journal):
    first = lease_of(node, wallet)
    close_leases(node, LeaseClose("boot-1", [first.id]))
    while True:
        try:
            lease_of(node, wallet, want=100_000, least=40)
        except Problem:
            break
    wallet.refresh_from_db()
    free = wallet.available_micros
    assert free < 100
    journal.post([journal.record(first, units=2)])
    wallet.refresh_from_db()
    assert wallet.available_micros == 0
    assert wallet.spent_micros == free
    assert UsageEvent.objects.get(meter="overage").amount_micros == free - 200
    assert books_are_right()


def test_usage_without_any_credit_is_recorded_and_not_charged(people, node, journal):
    journal.post([journal.record(units=7)])
    assert sum(UsageEvent.objects.values_list("amount_micros", flat=True)) == 0
    assert UsageEvent.objects.get(meter="overage").units == 700
    assert books_are_right()


def test_abandoned_leases_come_back_fifteen_minutes_after_their_end(node, wallet):
    lease_of(node, wallet)
    assert close_abandoned_leases(now=timezone.now() + timedelta(seconds=60 + 15 * 60 - 5)) == 0
    assert close_abandoned_leases(now=timezone.now() + timedelta(seconds=60 + 15 * 60 + 5)) == 1
    wallet.refresh_from_db()
    assert wallet.available_micros == 100_000
    assert books_are_right()


def test_another_boot_and_only_that_is_closed(node, wallet):
    old = lease_of(node, wallet, boot="boot-0")
    new = lease_of(node, wallet, boot="boot-1")
    assert close_leases(node, LeaseClose("boot-1", close_other_boots=True)) == 1
    assert Lease.objects.get(pk=old.id).state == "closed"
    assert Lease.objects.get(pk=new.id).state == "open"


def test_usage_events_cannot_be_changed_or_removed(node, wallet, journal):
    journal.post([journal.record()])
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        UsageEvent.objects.update(amount_micros=1)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        UsageEvent.objects.all().delete()


@pytest.mark.parametrize("seed", range(8))
def test_the_books_balance_after_every_step_of_a_random_story(seed, people, node, journal):
    dice = random.Random(seed)
    give_credit(people.organisation, 6_000)
    wallet = credit_wallet(people.organisation)
    open_leases, journaled, posted_to = [], [], 0
    for _ in range(40):
        step = dice.choice(["lease", "serve", "serve", "serve", "post", "replay", "close", "abandon"])
        if step == "lease":
            with contextlib.suppress(Problem):
                open_leases.append(lease_of(node, wallet, want=dice.randint(1, 3_000), least=100))
        elif step == "serve":
            journaled.append(
                journal.record(dice.choice(open_leases) if open_leases else None, units=dice.randint(0, 9))
            )
        elif step == "post":
            journal.post(journaled[posted_to:], start=posted_to, end=len(journaled))
            posted_to = len(journaled)
        elif step == "replay" and journaled:
            low = dice.randrange(len(journaled))
            journal.post(journaled[low:], start=low, end=len(journaled))
        elif step == "close" and open_leases:
            close_leases(node, LeaseClose("boot-1", [dice.choice(open_leases).id]))
        elif step == "abandon":
            close_abandoned_leases(now=timezone.now() + timedelta(hours=1))
        assert books_are_right(), (seed, step)
    journal.post(journaled, start=0, end=len(journaled))
    used = UsageEvent.objects.exclude(meter="overage")
    assert set(used.values_list("pk", flat=True)) == {record.id for record in journaled}
    stored = Wallet.objects.get(pk=wallet.pk)
    assert stored.available_micros + stored.held_micros + stored.spent_micros == 6_000
    assert books_are_right()
