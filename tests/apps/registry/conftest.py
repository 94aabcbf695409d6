"""Alice with credit, storage in a folder, and what migrations put into an emptied database."""

from pathlib import Path

import pytest

from apps.compute.models import Pool
from apps.ledger.models import Price
from apps.ledger.services.fill_price_book import fill_price_book
from tests.people import People, give_credit


@pytest.fixture
def credit(people: People, storage: Path) -> People:
    give_credit(people.organisation)
    return people


@pytest.fixture
def pools(db: None) -> None:
    """Pools and prices again, for tests with real transactions: an earlier one may have emptied the tables."""
    for name in ("cpu", "gpu"):
        Pool.objects.get_or_create(name=name, defaults={"title": name, "slots": 16, "has_gpu": name == "gpu"})
    fill_price_book(Price)
