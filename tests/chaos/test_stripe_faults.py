"""Stripe through lost and late answers, requests that come twice, 429, 500 and killed pushers; webhooks in any order.

The oracle is the double's own state: what it has counted and taken, beside what our books say. Short by default; `make
chaos` sets CHAOS=long for the promised 200 faults and 100 orders.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import stripe
from django.db import connection
from django.utils import timezone

from apps.billing.models import StripePush, TopUp
from apps.billing.services.push_usage import push_usage
from apps.billing.services.receive_webhook import receive_webhook
from apps.billing.services.resolve_frozen import resolve_frozen
from apps.billing.services.start_top_up import start_top_up
from apps.billing.stripe_double.faults import KINDS, Faults
from apps.billing.stripe_double.server import Double, signature
from apps.compute.services.register_node import register_node
from apps.ledger.models import LedgerTransaction, Price
from apps.ledger.services.fill_price_book import fill_price_book
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.models import UsageEvent
from tests.apps.billing.conftest import Meter, books_are_right, double  # noqa: F401 -- fixtures
from tests.chaos.conftest import IS_LONG, SEED, Promises
from tests.people import People, give_credit, make_people

pytestmark = [pytest.mark.chaos, pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]
FAULTS, KILLS, RATE, LIFE_S = (200, 60, 0.5, 0.3) if IS_LONG else (20, 4, 0.9, 0.9)  # kills are faults, too
ORDERS = 100 if IS_LONG else 3
PAYMENTS, EVENTS, WAYS = 8, 50, 16
DOLLARS_20 = 20_000_000
PATIENCE_S = 0.25


@pytest.fixture
def acme() -> People:
    fill_price_book(Price)
    return make_people()


class Pushers:
    """Starts pushers at a moment of ours, and kills them."""

    def __init__(self, base: str) -> None:
        place = {name: connection.settings_dict[name] for name in ("NAME", "HOST", "PORT", "USER", "PASSWORD")}
        command = [sys.executable, "-m", "tests.chaos.pusher", json.dumps(place), base, str(PATIENCE_S)]
        self._warm = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._told() == "ready"

    def start(self, now: datetime) -> int:
        assert self._warm.stdin is not None
        self._warm.stdin.write(f"{now.timestamp()}\n")
        self._warm.stdin.flush()
        return int(self._told())

    def _told(self) -> str:
        assert self._warm.stdout is not None
        return self._warm.stdout.readline().strip()

    def stop(self) -> None:
        self._warm.kill()
        self._warm.wait(10)


@pytest.fixture
def pushers(double: Double) -> Iterator[Pushers]:  # noqa: F811
    made = Pushers(double.base)
    yield made
    made.stop()


def stripe_counts(double: Double) -> int:  # noqa: F811
    events = double.store.meter_events.values()
    return sum(int(one["payload"]["value"]) for one in events if not one.get("cancelled"))


def test_usage_is_told_once_through_faults_and_killed_pushers(
    acme: People,
    double: Double,  # noqa: F811
    pushers: Pushers,
    books_are_right: Any,  # noqa: F811
    promises: Promises,
) -> None:
    give_credit(acme.organisation, 1_000_000_000)
    meter = Meter(acme, register_node("serve-1", kind="serve", lifetime_s=3600)[0])
    dice, kills = random.Random(SEED), 0
    double.faults = faults = Faults(seed=SEED, rate=RATE, most=FAULTS - KILLS, kinds=KINDS, late_s=PATIENCE_S * 1.6)
    start = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=3)
    now = timezone.now() + timedelta(minutes=2)
    while kills < KILLS or faults.count < faults.most:  # type: ignore[operator]
        for _ in range(4):
            meter.use(start + timedelta(hours=dice.randrange(48)), dice.randrange(1, 9))
        now += timedelta(seconds=5)
        pusher = pushers.start(now)
        time.sleep(dice.uniform(0.02, LIFE_S))
        os.kill(pusher, signal.SIGKILL)
        kills += 1
    double.faults = Faults()
    told_late = StripePush.objects.filter(state="sent").count()
    day_later = now + timedelta(hours=21)
    push_usage(now=day_later)  # what is open is frozen by then
    resolve_frozen(now=day_later)
    push_usage(now=day_later)
    used = sum(UsageEvent.objects.values_list("amount_micros", flat=True))
    promises.at_least(10, "Stripe: seeded faults on the way (killed pushers among them)", faults.count + kills, FAULTS)
    promises.seen(10, f"Stripe: {dict(faults.told)}, pushers killed", kills)
    promises.seen(10, "Stripe: pushes decided by its sums, for want of an answer", told_late)
    promises.seen(10, "Stripe: meter events", len(double.store.meter_events))
    promises.exactly(10, "Stripe: its sum less our usage, in micros", stripe_counts(double) - used, 0)
    assert set(StripePush.objects.values_list("state", flat=True)) <= {"confirmed", "lost", "found"}
    assert books_are_right()


def bodies_of_an_order(acme: People, double: Double, dice: random.Random) -> list[bytes]:  # noqa: F811
    """Eight payments, told by 50 events: several kinds, the same one again, some that lie about an unpaid session."""
    made = []
    for _ in range(PAYMENTS):
        top_up = start_top_up(acme.organisation, amount_micros=DOLLARS_20)
        httpx.post(top_up.checkout_url)
        session = double.store.objects["session"][top_up.checkout_session]
        done = double.make_event("checkout.session.completed", session)
        also = double.make_event("checkout.session.async_payment_succeeded", session)
        made += [done, done, also, dice.choice([done, also]), double.make_event("checkout.session.expired", session)]
    unpaid = start_top_up(acme.organisation, amount_micros=DOLLARS_20)
    lie = dict(double.store.objects["session"][unpaid.checkout_session], payment_status="paid", status="complete")
    made += [double.make_event("checkout.session.completed", lie) for _ in range(EVENTS - len(made))]
    dice.shuffle(made)
    return [json.dumps(event).encode() for event in made]


def delivered(double: Double, body: bytes) -> bool:  # noqa: F811
    """As Stripe does: again and again until it is taken."""
    try:
        for _ in range(50):
            try:
                return receive_webhook(body, signature(body, double.secret))
            except stripe.StripeError:
                continue
        raise AssertionError("fifty deliveries failed")
    finally:
        connection.close()


def test_fifty_webhooks_in_any_order_and_sixteen_at_once_give_one_credit_a_payment(
    acme: People,
    double: Double,  # noqa: F811
    books_are_right: Any,  # noqa: F811
    promises: Promises,
) -> None:
    dice, effects = random.Random(SEED), 0
    with ThreadPoolExecutor(WAYS) as ways:
        for order in range(ORDERS):
            bodies = bodies_of_an_order(acme, double, dice)
            double.faults = Faults(seed=SEED + order, rate=0.1)
            effects += sum(ways.map(lambda body: delivered(double, body), bodies))
            double.faults = Faults()
    payments = ORDERS * PAYMENTS
    promises.seen(11, "webhooks: deliveries, 50 events in each order, 16 at once", ORDERS * EVENTS)
    credits = LedgerTransaction.objects.filter(kind="topup").count()
    promises.exactly(11, "webhooks: credits of as many payments", credits, payments)
    assert effects == payments
    assert TopUp.objects.filter(state="paid").count() == payments
    assert credit_wallet(acme.organisation).available_micros == payments * DOLLARS_20
    assert books_are_right()
