"""Many nodes at the same wallet at the same time: nothing is overspent, counted twice or stuck."""

import threading
import time
import uuid
from datetime import UTC, datetime

import pytest
from django.db import connection

from apps.billing.services.reconcile import reconcile
from apps.compute.services.register_node import register_node
from apps.ledger.models import Price
from apps.ledger.queries import price_at
from apps.ledger.services.fill_price_book import fill_price_book
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.models import UsageEvent
from apps.metering.services.absorb_usage import absorb_usage
from apps.metering.services.close_leases import close_leases
from apps.metering.services.grant_lease import grant_lease
from contracts.problems import Problem
from contracts.usage import LeaseClose, LeaseRequest, UsagePost, UsageRecord
from tests.people import give_credit, make_people

AT_US = int(datetime(2026, 11, 5, tzinfo=UTC).timestamp()) * 1_000_000


def record_of(organisation, price, number, lease=None):
    return UsageRecord(
        str(number), organisation.pk, "ep_1", "key_1", "ver_1", "predictions", 1, price.pk, price.unit_price_micros,
        "USD", AT_US, {lease.wallet: lease.id} if lease else {},
    )  # fmt: skip


def at_once(count, work):
    errors = []

    def run(number):
        try:
            work(number)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.django_db(transaction=True)
def test_twelve_nodes_spend_one_wallet_to_the_last_unit_and_no_further():
    fill_price_book(Price)
    people = make_people()
    give_credit(people.organisation, 30_000)  # 300 predictions
    wallet, price = credit_wallet(people.organisation), price_at("predictions", dimension="realtime", currency="USD")
    nodes = [register_node(f"serve-{number}", kind="serve", lifetime_s=3600)[0] for number in range(12)]

    def serve(number):
        node, offset = nodes[number], 0
        while True:
            try:
                lease = grant_lease(node, LeaseRequest("b", wallet.pk, 500, 100))
            except Problem:  # nothing is left
                return
            records = [
                record_of(people.organisation, price, f"{number}-{offset + step}", lease)
                for step in range(lease.granted_micros // 100)
            ]
            absorb_usage(node, UsagePost("b", "1", offset, offset + len(records), records))
            absorb_usage(node, UsagePost("b", "1", offset, offset + len(records), records))
            offset += len(records)
            close_leases(node, LeaseClose("b", [lease.id]))

    at_once(12, serve)
    wallet.refresh_from_db()
    assert (wallet.available_micros, wallet.held_micros, wallet.spent_micros) == (0, 0, 30_000)
    assert UsageEvent.objects.count() == 300
    assert [difference for check in reconcile() for difference in check.differences] == []


@pytest.mark.django_db(transaction=True)
def test_the_same_records_from_many_nodes_at_once_are_charged_once():
    fill_price_book(Price)
    people = make_people()
    give_credit(people.organisation, 1_000_000)
    price = price_at("predictions", dimension="realtime", currency="USD")
    nodes = [register_node(f"serve-{number}", kind="serve", lifetime_s=3600)[0] for number in range(8)]
    records = [record_of(people.organisation, price, uuid.uuid4()) for _ in range(60)]

    def post(number):
        for start in range(0, 60, 20):
            piece = records[start : start + 20][:: 1 if number % 2 else -1]
            absorb_usage(nodes[number], UsagePost("b", "1", start, start + 20, piece))

    at_once(8, post)
    wallet = credit_wallet(people.organisation)
    assert (wallet.available_micros, wallet.spent_micros) == (994_000, 6_000)
    assert [difference for check in reconcile() for difference in check.differences] == []


@pytest.mark.django_db
def test_a_big_post_is_absorbed_at_thousands_of_records_a_second(people):
    give_credit(people.organisation, 10**9)
    node, _ = register_node("serve-1", kind="serve", lifetime_s=3600)
    price = price_at("predictions", dimension="realtime", currency="USD")
    wallet = credit_wallet(people.organisation)
    lease = grant_lease(node, LeaseRequest("b", wallet.pk, 10**9, 10**8))
    spent_s = []
    for turn in range(3):
        records = [record_of(people.organisation, price, f"{turn}-{number}", lease) for number in range(4_000)]
        started = time.process_time()
        absorb_usage(node, UsagePost("b", "1", turn * 4_000, (turn + 1) * 4_000, records))
        spent_s.append(time.process_time() - started)
    # Processor time of ours, because the machine may be busy with other things; the database takes about as much.
    assert 4_000 / min(spent_s) > 10_000
    assert [difference for check in reconcile() for difference in check.differences] == []
