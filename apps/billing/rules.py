"""Pure decisions of billing: minor units, rounding, alert steps, and names that Stripe can recognise again."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from apps.ledger.currencies import micros_per_minor, minor_digits

# What comes of comparing pushes without an answer with Stripe's sum of their hour.
CONFIRMED, SENT_AGAIN, CORRECTED, TOO_OLD = "confirmed", "sent again", "corrected", "too old"
ALERT_STEPS = (50, 75, 90, 100)  # per cent of a budget
RETRY_WINDOW_S = 20 * 3600  # Stripe recognises an identifier for at least 24 h; beyond 20 h we no longer trust it
CANCEL_WINDOW_S = 23 * 3600  # Stripe takes an event back within 24 h of its receipt
OLDEST_TIMESTAMP_S = 34 * 86_400  # Stripe refuses meter events older than 35 days
WEBHOOK_TOLERANCE_S = 300  # both ways; the SDK itself accepts timestamps in the future


def round_half_even(micros: int, currency: str) -> tuple[int, int]:
    """Return (minor units, remainder in micros): micros == minor * micros_per_minor + remainder, always."""
    step = micros_per_minor(currency)
    minor, rest = divmod(micros, step)
    if rest * 2 > step or (rest * 2 == step and minor % 2):
        minor += 1
    return minor, micros - minor * step


def amount_text(micros: int, currency: str) -> str:
    """Return an exact amount: at least the currency's decimals, at most the six of a micro: 1.50, 0.000123, 20."""
    least = minor_digits(currency)
    whole, part = divmod(abs(micros), 1_000_000)
    digits = f"{part:06d}".rstrip("0").ljust(least, "0")
    sign = "-" if micros < 0 else ""
    return f"{sign}{whole:,}{'.' if digits else ''}{digits} {currency}"


def minor_text(minor: int, currency: str) -> str:
    """Return minor units as people write them: 1234 USD cents are 12.34 USD."""
    return amount_text(minor * micros_per_minor(currency), currency)


def alert_steps_reached(*, used_micros: int, limit_micros: int) -> list[int]:
    """Return the steps of 50, 75, 90, 100 per cent that are reached; nothing for a budget of zero."""
    if limit_micros <= 0:
        return []
    return [step for step in ALERT_STEPS if used_micros * 100 >= limit_micros * step]


def push_identifier(organisation: str, meter: str, hour: datetime, sequence: int) -> str:
    """Return the name of one delta, the same on every retry, so that Stripe counts it once."""
    text = f"{organisation}|{meter}|{hour.isoformat()}|{sequence}"
    return f"my1-{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def frozen_outcome(*, counted: int, known: int, frozen: int, is_too_old: bool) -> str:
    """Say what became of pushes of `frozen` micros, when Stripe has `counted` and `known` are surely in that."""
    if counted == known + frozen:
        return CONFIRMED
    if is_too_old:
        return TOO_OLD
    return SENT_AGAIN if counted == known else CORRECTED


def note_minor(*, before_micros: int, micros: int, left_minor: int, currency: str) -> int:
    """Return the minor units of one of several credit notes, so that together they are the rounded sum of all.

    `before_micros`: of the earlier notes over the same month; `left_minor`: what is left of the invoice at Stripe.
    """
    upto, _ = round_half_even(before_micros + micros, currency)
    told, _ = round_half_even(before_micros, currency)
    return max(0, min(upto - told, left_minor))


def is_webhook_time_right(timestamp_s: int, now_s: float) -> bool:
    return abs(now_s - timestamp_s) <= WEBHOOK_TOLERANCE_S


def invoice_number(period_month: str, taken: Iterable[str], prefix: str = "MY") -> str:
    """Return the next number of a month: MY-2026-11-000001; credit notes have a prefix and numbers of their own."""
    highest = max((int(number.rsplit("-", 1)[1]) for number in taken), default=0)
    return f"{prefix}-{period_month}-{highest + 1:06d}"
