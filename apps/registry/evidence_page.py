"""The evidence of a report in the shape in which the version page shows it."""

from typing import Any

from contracts.manifests import EvaluationReport

_CURVES_SHOWN = 6  # as many as there are colours; the classes that are hardest to tell come first


def curves_shown(report: EvaluationReport) -> dict[str, Any]:
    """ROC and precision-recall curves by class, the hardest first; empty without curves."""
    hardest = sorted(report.curves, key=lambda curve: curve.get("average_precision", 0.0))
    shown = hardest[:_CURVES_SHOWN]
    if not shown:
        return {}
    return {
        "rows": shown,
        "left_out": len(hardest) - len(shown),
        "roc": {str(curve["label"]): curve["roc"] for curve in shown},
        "pr": {str(curve["label"]): curve["pr"] for curve in shown},
    }


def label_slices(report: EvaluationReport) -> dict[str, Any]:
    """Slices of labels and values, and what all rows together have; recommendation has its own table."""
    rows = [row for row in report.slices if "interval" in row]
    if not rows:
        return {}
    metric = str(rows[0].get("metric", ""))
    worse = sum(bool(row.get("is_worse")) for row in rows)
    return {
        "metric": metric,
        "overall": report.metrics.get(metric),
        "worse": worse,
        "rows": [row | {"value": row.get("metrics", {}).get(metric)} for row in rows],
    }


def certainty_of(report: EvaluationReport) -> str:
    """How sure the verdict is, in words; empty where the report has no intervals."""
    if not report.gain:
        return ""
    share = report.gain.get("certainty", 0.0)
    drawn = "all" if share >= 1 else f"{100 * share:.1f} %"
    headline = next((name for name in ("accuracy", "mae") if name in report.intervals), "")
    words = f"Drawing the test rows anew at random, it beats the baseline in {drawn} of the draws."
    if headline:
        low, high = report.intervals[headline]
        ends = (
            f"{low:.1%} and {high:.1%}".replace("%", " %") if headline == "accuracy" else f"{low:,.4g} and {high:,.4g}"
        )
        name = "share of right answers" if headline == "accuracy" else "mean error"
        words = f"With 95 % certainty the {name} lies between {ends}. {words}"
    return words
