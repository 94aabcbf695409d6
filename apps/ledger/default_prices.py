"""The default price of each meter in each currency: set, not converted. Operators change them in the price book."""

from contracts.usage import METER_BATCH_ROWS, METER_PREDICTIONS, METER_TRAINING_SECONDS

_CURRENCIES = ("USD", "EUR", "JPY", "KWD")
# (meter, dimension) -> micros a unit, in the order of the currencies
_PRICES = {
    (METER_PREDICTIONS, "realtime"): (100, 95, 15_000, 31),
    (METER_PREDICTIONS, "batch"): (40, 38, 6_000, 12),
    (METER_BATCH_ROWS, ""): (20, 19, 3_000, 6),
    (METER_TRAINING_SECONDS, "cpu"): (500, 470, 75_000, 155),
    (METER_TRAINING_SECONDS, "gpu"): (2_000, 1_900, 300_000, 620),
}
PRICED = frozenset(_PRICES)  # a currency is offered when it has a price for all of these
# (meter, dimension, currency, micros a unit)
DEFAULT_PRICES = [
    (meter, dimension, currency, micros)
    for (meter, dimension), amounts in _PRICES.items()
    for currency, micros in zip(_CURRENCIES, amounts, strict=True)
]
