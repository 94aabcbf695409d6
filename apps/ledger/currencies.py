"""What differs between currencies: decimals, names, and what one may buy at once. Nothing is ever converted.

Amounts are micro-units of the currency itself, whatever its decimals: a yen has a million of them as a dollar has.
"""

from dataclasses import dataclass

# ISO 4217 currencies that do not have two decimals, among those that Stripe settles.
_MINOR_DIGITS = {
    "BIF": 0,
    "CLP": 0,
    "JPY": 0,
    "KRW": 0,
    "VND": 0,
    "XOF": 0,
    "BHD": 3,
    "JOD": 3,
    "KWD": 3,
    "OMR": 3,
    "TND": 3,
}
_UNIT = 1_000_000


@dataclass(frozen=True)
class Currency:
    """Bounds of one top-up in micros, and what the form proposes, in whole units."""

    code: str
    name: str
    least_micros: int = _UNIT
    most_micros: int = 10_000 * _UNIT
    proposed_units: int = 20


_KNOWN = {
    one.code: one
    for one in (
        Currency("USD", "US dollar"),
        Currency("EUR", "Euro"),
        Currency("JPY", "Japanese yen", 150 * _UNIT, 1_500_000 * _UNIT, 3_000),
        Currency("KWD", "Kuwaiti dinar", _UNIT, 3_000 * _UNIT, 6),
    )
}


def currency_of(code: str) -> Currency:
    """A currency that only an operator's price book knows has the bounds of a dollar, in its own units."""
    return _KNOWN.get(code, Currency(code, code))


def minor_digits(code: str) -> int:
    return _MINOR_DIGITS.get(code.upper(), 2)


def micros_per_minor(code: str) -> int:
    """Return how many micros one minor unit (cent, yen, fils) has."""
    return int(10 ** (6 - minor_digits(code)))


def card_step_micros(code: str) -> int:
    """Cards pay multiples of this: minor units, but of three decimals Stripe takes only those whose last one is 0."""
    return max(micros_per_minor(code), 10_000)
