"""What the page of a forecasting version shows: one series as a chart, the steps to come, the hardest series."""

from typing import Any

from contracts.manifests import EvaluationReport

_SERIES_SHOWN = 50


def forecast_shown(report: EvaluationReport, wanted: str) -> dict[str, Any] | None:
    """Return the parts of the page; None where the version forecasts nothing."""
    examples = report.forecast.get("examples") or []
    if not examples:
        return None
    shown = next((one for one in examples if one.get("series") == wanted), examples[0])
    ahead, times = shown.get("ahead") or {}, shown.get("times_ahead") or []
    ends = zip(ahead.get("value", []), ahead.get("lower", []), ahead.get("upper", []), strict=False)
    steps = report.forecast.get("per_step") or []
    return {
        "shown": shown,
        "names": [one.get("series", "") for one in examples],
        "past": [*(shown.get("history") or []), *(shown.get("actual") or [])],
        "nothing": [],
        "rows": [
            {"time": time, "value": value, "lower": lower, "upper": upper}
            for time, (value, lower, upper) in zip(times, ends, strict=False)
        ],
        "coverage": report.forecast.get("coverage") or [],
        "coverage_lines": _coverage_lines(report.forecast.get("coverage") or []),
        "by_step": {"error": [(row["step"], row["mase"]) for row in steps]},
        "series": (report.forecast.get("per_series") or [])[:_SERIES_SHOWN],
    }


def _coverage_lines(rows: list[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Nominal against achieved, per way of measuring."""
    lines = {
        words: [(row["nominal"], row[name]) for row in rows if name in row]
        for name, words in (("backtest", "back-testing"), ("test", "last stretch"))
    }
    return {words: line for words, line in lines.items() if len(line) > 1}
