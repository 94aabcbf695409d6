"""Numbers and times as people read them: money, counts, durations, shares, metrics."""

from datetime import UTC, date, datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.ledger.currencies import minor_digits

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
_METRIC_NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1_macro": "F1, mean over classes",
    "macro_f1": "F1, mean over classes",
    "f1": "F1",
    "log_loss": "Log loss",
    "roc_auc": "ROC AUC",
    "auc": "ROC AUC",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
    "mape": "Mean absolute percentage error",
    "ece": "Calibration error",
    "brier": "Brier score",
    "ndcg@10": "NDCG at 10",
    "hr@10": "Found in the first 10",
    "recall@20": "Found in the first 20",
    "mrr": "Mean reciprocal rank",
    "coverage": "Items ever recommended",
    "mase": "Error in seasonal steps (MASE)",
    "smape": "Symmetric percentage error",
    "wql": "Weighted quantile loss",
    "interval_coverage": "Truth inside the interval",
    "interval_width": "Width of the interval",
}
_SHARES = (
    "accuracy",
    "balanced_accuracy",
    "mape",
    "ece",
    "top_5_accuracy",
    "hr@10",
    "recall@20",
    "coverage",
    "interval_coverage",
)
_PERIODS = [(60, "second", 1), (3600, "minute", 60), (86_400, "hour", 3600), (2_592_000, "day", 86_400)]


def money(micros: int | float | None, currency: str = "USD") -> str:
    """Micro-units as an amount: the currency's decimals, more where the amount would else be invisible."""
    if micros is None or micros == "":
        return "–"
    micros, least = int(micros), minor_digits(currency)
    sign = "−" if micros < 0 else ""
    whole, decimals = f"{abs(micros) / 1_000_000:,.6f}".split(".")
    kept = decimals.rstrip("0")
    decimals = kept.ljust(least, "0")
    if abs(micros) >= 100_000_000 and len(kept) > least:
        whole, _, decimals = f"{abs(micros) / 1_000_000:,.{least}f}".partition(".")
    symbol = _SYMBOLS.get(currency)
    amount = f"{whole}.{decimals}" if decimals else whole
    return f"{sign}{symbol}{amount}" if symbol else f"{sign}{amount} {currency}"


def count(number: int | float | None) -> str:
    """A whole number with thin groups of thousands."""
    return "–" if number is None or number == "" else f"{int(number):,}"


def amount(number: Any) -> str:
    """A measured value with about four significant digits; text stays as it is."""
    if number is None or number == "":
        return "–"
    if isinstance(number, bool) or not isinstance(number, int | float):
        return str(number)
    if float(number).is_integer() and abs(number) < 1e15:
        return f"{int(number)}" if abs(number) < 10_000 else f"{int(number):,}"  # years stay years
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.4g}"


def size(bytes_: int | float | None) -> str:
    """Bytes with a decimal unit."""
    value = float(bytes_ or 0)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return ""


def duration(seconds: int | float | None) -> str:
    """Seconds as `0.8 s`, `45 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None or seconds == "":
        return "–"
    seconds = float(seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def window(seconds: int) -> str:
    """The span of a rate limit: `minute`, `hour`, `90 s`."""
    return {1: "second", 60: "minute", 3600: "hour", 86_400: "day"}.get(seconds) or duration(seconds)


def percent(share: float | None) -> str:
    """A share of one as a percentage; tiny shares are not rounded to nothing."""
    if share is None or share == "":
        return "–"
    value = float(share) * 100
    if 0 < value < 0.1:
        return "< 0.1 %"
    return f"{value:.0f} %" if value in (0, 100) or value.is_integer() else f"{value:.1f} %"


def metric_name(name: str) -> str:
    return _METRIC_NAMES.get(name, str(name).replace("_", " ").capitalize())


def metric(value: Any, name: str = "") -> str:
    """A metric in the form that its name asks for: accuracy as a percentage, errors as numbers."""
    if value is None or value == "":
        return "–"
    return percent(value) if name in _SHARES else amount(value)


_SOURCES = {
    "nvml": "measured by the GPU (NVML)",
    "rapl": "measured by the processor (RAPL)",
    "estimate": "estimated from processor time",
}


def energy_source(name: str) -> str:
    """Where a figure of energy is from, in words."""
    return _SOURCES.get(name, "no reading yet")


def signed(number: Any) -> str:
    """A change, with its sign."""
    if not isinstance(number, int | float):
        return "–"
    return f"{'−' if number < 0 else '+'}{amount(abs(number))}"


def when(moment: datetime | date | None) -> SafeString | str:
    """A moment relative to now, the exact time (UTC) in its title."""
    if moment is None:
        return "–"
    if not isinstance(moment, datetime):
        return format_html('<time datetime="{}">{}</time>', moment.isoformat(), f"{moment.day} {moment:%b %Y}")
    moment = moment.astimezone(UTC)
    exact = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, _relative(moment))


def _relative(moment: datetime) -> str:
    now = datetime.now(tz=UTC)
    seconds = (now - moment).total_seconds()
    ahead = seconds < 0
    seconds = abs(seconds)
    if seconds < 10:
        return "in a moment" if ahead else "just now"
    for limit, unit, length in _PERIODS:
        if seconds < limit:
            number = int(seconds // length)
            text = f"{number} {unit}{'' if number == 1 else 's'}"
            return f"in {text}" if ahead else f"{text} ago"
    return f"{moment.day} {moment:%b}" if moment.year == now.year else f"{moment.day} {moment:%b %Y}"
