"""Writes the default price book where a meter has no price yet; existing prices are never touched."""

from datetime import UTC, datetime

from django.db import models

from contracts.ids import new_id
from contracts.usage import METER_BATCH_ROWS, METER_PREDICTIONS, METER_TRAINING_SECONDS

# (meter, dimension, currency, micros a unit)
DEFAULT_PRICES = [
    (METER_PREDICTIONS, "realtime", "USD", 100),
    (METER_PREDICTIONS, "batch", "USD", 40),
    (METER_BATCH_ROWS, "", "USD", 20),
    (METER_TRAINING_SECONDS, "cpu", "USD", 500),
    (METER_TRAINING_SECONDS, "gpu", "USD", 2000),
]
# Long before the first usage, so that no event can lie before the book begins.
BOOK_BEGINS = datetime(2020, 1, 1, tzinfo=UTC)


def fill_price_book(price_model: type[models.Model]) -> int:
    """Return how many prices were added. Takes the model, because a migration brings its own."""
    added = 0
    for meter, dimension, currency, micros in DEFAULT_PRICES:
        name = {"meter": meter, "dimension": dimension, "currency": currency}
        if not price_model._default_manager.filter(**name).exists():
            price_model._default_manager.create(
                id=new_id("prc"), unit_price_micros=micros, effective_from=BOOK_BEGINS, **name
            )
            added += 1
    return added
