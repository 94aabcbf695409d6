"""Writes the default price book where a meter has no price yet; existing prices are never touched."""

from datetime import UTC, datetime

from django.db import models

from apps.ledger.default_prices import DEFAULT_PRICES
from contracts.ids import new_id

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
