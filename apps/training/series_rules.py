"""Pure decisions about forecasting runs: which columns may be the time and the series, and which options make sense."""

from collections.abc import Mapping, Sequence
from typing import Any

HORIZON_MOST = 1_000
SEASON_MOST = 10_000
KEYS_MOST = 3
INTERVAL_LEAST, INTERVAL_MOST = 0.5, 0.99
TIME_NAMES = ("time", "date", "timestamp", "ds", "step", "period", "year", "month", "week", "day", "hour", "t")
OPTIONS = ("horizon", "season", "time_column", "series_column", "interval")

Fault = tuple[str, str, str]  # code, detail, location


def fault_of_series(
    target: str, column: Mapping[str, Any] | None, columns: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> Fault | None:
    """Say whether the target can be forecast from these columns with these options."""
    return _fault_of_columns(target, column, columns, options) or _fault_of_numbers(options)


def _fault_of_columns(
    target: str, column: Mapping[str, Any] | None, columns: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> Fault | None:
    types = {str(one.get("name")): str(one.get("type")) for one in columns}
    if column is not None and column.get("type") != "number":
        return "yours:target-type", f"Column {target!r} holds no numbers; there is nothing to forecast.", "target"
    keys = options.get("series_column") or []
    keys = [keys] if isinstance(keys, str) else keys
    if not isinstance(keys, list) or len(keys) > KEYS_MOST or not all(isinstance(key, str) for key in keys):
        where = "options.series_column"
        return "yours:invalid", f"series_column is the name of a column, or up to {KEYS_MOST} names.", where
    time = options.get("time_column") or ""
    for option, name in [("time_column", time), *(("series_column", key) for key in keys)]:
        if name and (not isinstance(name, str) or name not in types or name == target):
            detail = f"{option} names {name!r}, which is no column beside the target."
            return "yours:invalid", detail, f"options.{option}"
    if time and types[time] not in ("datetime", "number", "id"):
        detail = f"Column {time!r} holds neither dates nor step numbers."
        return "yours:time-column-missing", detail, "options.time_column"
    if not time and not time_candidates(types, target):
        detail = "The table has no column of dates; a forecast needs to know when each value was."
        return "yours:time-column-missing", detail, "options.time_column"
    return None


def time_candidates(types: Mapping[str, str], target: str) -> list[str]:
    """Columns that may say when: dates first, then numbers named like a time."""
    dates = [name for name, kind in types.items() if kind == "datetime" and name != target]
    numbers = [n for n, kind in types.items() if kind in ("number", "id") and n != target and n.lower() in TIME_NAMES]
    return dates + numbers


def _fault_of_numbers(options: Mapping[str, Any]) -> Fault | None:
    for option, most in (("horizon", HORIZON_MOST), ("season", SEASON_MOST)):
        given = options.get(option)
        if given is not None and (isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= most):
            return "yours:invalid", f"{option} is a whole number from 1 to {most:,}.", f"options.{option}"
    given = options.get("interval")
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if given is not None and not (is_number and INTERVAL_LEAST <= given <= INTERVAL_MOST):
        detail = f"interval is a share from {INTERVAL_LEAST} to {INTERVAL_MOST}."
        return "yours:invalid", detail, "options.interval"
    return None
