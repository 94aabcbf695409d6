"""Pure decisions about runs on tables: by which metric labels are named, and how rows are divided."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.jobs import METRIC_OPTIONS

OPTIONS = {
    "tabular_classification": ("metric", "threshold", "splits", "search"),
    "tabular_regression": ("splits", "search"),
}
SPLIT_KINDS = ("random", "time", "group")
SHARE_LEAST, SHARE_MOST = 0.05, 0.5
SPLIT_FIELDS = {"kind", "column", "test_share", "valid_share"}

Fault = tuple[str, str, str]  # code, detail, location


def fault_of_table_options(options: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> Fault | None:
    """Say what is wrong with `metric`, `threshold` and `splits`."""
    if "metric" in options and options["metric"] not in METRIC_OPTIONS:
        return "yours:invalid", f"metric is one of {', '.join(METRIC_OPTIONS)}.", "options.metric"
    if not isinstance(options.get("search", False), bool):
        return "yours:invalid", "search is true or false.", "options.search"
    threshold = options.get("threshold", 0.5)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold < 1:
        return "yours:invalid", "threshold is a number between 0 and 1.", "options.threshold"
    return _fault_of_splits(options["splits"], columns) if "splits" in options else None


def _fault_of_splits(wish: Any, columns: Sequence[Mapping[str, Any]]) -> Fault | None:
    where = "options.splits"
    if not isinstance(wish, Mapping) or set(wish) - SPLIT_FIELDS:
        return "yours:invalid", f"splits is an object of {', '.join(sorted(SPLIT_FIELDS))}.", where
    kind = wish.get("kind", "random")
    if kind not in SPLIT_KINDS:
        return "yours:invalid", f"kind is one of {', '.join(SPLIT_KINDS)}.", f"{where}.kind"
    for name in ("test_share", "valid_share"):
        share = wish.get(name, SHARE_LEAST)
        is_number = isinstance(share, int | float) and not isinstance(share, bool)
        if not is_number or not SHARE_LEAST <= share <= SHARE_MOST:
            return "yours:invalid", f"{name} is a number from {SHARE_LEAST} to {SHARE_MOST}.", f"{where}.{name}"
    if kind == "random":
        return None
    column = next((one for one in columns if one.get("name") == wish.get("column")), None)
    if column is None:
        return "yours:invalid", f"A split by {kind} names a column of the dataset.", f"{where}.column"
    if kind == "time" and column.get("type") not in ("datetime", "number"):
        return "yours:invalid", "A split by time needs a date or number column.", f"{where}.column"
    return None
