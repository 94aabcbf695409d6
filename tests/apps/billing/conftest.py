"""A month of usage to bill, and the Stripe double on a free port, reached through the real SDK."""

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import stripe

from apps.billing.services.reconcile import reconcile
from apps.billing.stripe_double.faults import Faults
from apps.billing.stripe_double.server import Double
from apps.billing.stripe_double.store import Store
from apps.compute.models import Node
from apps.compute.services.register_node import register_node
from apps.ledger.queries import price_at
from apps.metering.services.absorb_usage import absorb_usage
from contracts.usage import UsagePost, UsageRecord
from tests.people import People, give_credit


class Meter:
    """Uses the platform at given moments, as a serve node would report it."""

    def __init__(self, people: People, node: Node) -> None:
        self.organisation, self.node, self.count = people.organisation, node, 0
        self.price = price_at("predictions", dimension="realtime", currency="USD")

    def use(self, at: datetime, units: int = 1, **changes: Any) -> str:
        self.count += 1
        record = UsageRecord(
            id=f"rec-{self.count}",
            organisation=self.organisation.pk,
            endpoint=changes.pop("endpoint", "ep_1"),
            key=changes.pop("key", "key_1"),
            model_version="ver_1",
            meter="predictions",
            units=units,
            price_id=self.price.pk,
            amount_micros=units * self.price.unit_price_micros,
            currency=changes.pop("currency", "USD"),
            at_us=int(at.timestamp()) * 1_000_000 + at.microsecond,
            **changes,
        )
        absorb_usage(self.node, UsagePost("boot", "0001", self.count - 1, self.count, [record]))
        return record.id


@pytest.fixture
def meter(people: People) -> Meter:
    give_credit(people.organisation)
    node, _ = register_node("serve-1", kind="serve", lifetime_s=3600)
    return Meter(people, node)


@pytest.fixture
def books_are_right() -> Any:
    def check() -> bool:
        found = [difference for check in reconcile() for difference in check.differences]
        assert found == []
        return True

    return check


@pytest.fixture
def double(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    """The shipped Stripe double, in this process; webhooks are taken from its store by the tests.

    The SDK asks again as often as ever, but without its pauses.
    """
    monkeypatch.setattr(stripe.HTTPXClient, "_sleep_time_seconds", lambda self, *args, **named: 0)
    server = Double(
        ("127.0.0.1", 0), Store(), webhook_url="", secret=settings.STRIPE_WEBHOOK_SECRET, faults=Faults(rate=0.0)
    )
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    settings.STRIPE_API_BASE = server.base
    settings.STRIPE_SECRET_KEY, settings.IS_STRIPE_DOUBLE = "sk_test_double", True
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
