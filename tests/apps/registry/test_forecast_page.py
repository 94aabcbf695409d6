"""The parts of a forecasting version's page."""

import pytest
from django.template.loader import render_to_string

from apps.registry.forecast_page import forecast_shown
from apps.registry.verdict import verdict_of
from apps.web.charts.forecast import forecast_chart
from contracts.manifests import EvaluationReport


def example(name):
    ends = {"value": [3.0, 4.0], "lower": [2.0, 3.0], "upper": [4.0, 5.0]}
    return {
        "series": name,
        "last_time": "2024-01-05",
        "times_ahead": ["2024-01-06", "2024-01-07"],
        "history": [1.0, 2.0, None],
        "actual": [2.5, 4.5],
        "forecast": ends,
        "ahead": ends,
    }


def report(mase=0.5, **changes):
    forecast = {
        "interval": 0.8,
        "baseline_season": 7,
        "examples": [example("north"), example("<south>")],
        "per_step": [{"step": 1, "mase": 0.4}, {"step": 2, "mase": 0.6}],
        "per_series": [{"series": "north", "mase": 0.5, "mae": 1.0, "interval_coverage": 1.0, "steps": 5}] * 2,
    }
    return EvaluationReport(
        metrics={"mase": mase, "mae": 1.0, "interval_coverage": 0.75},
        baseline={"mase": 1.0, "mae": 2.0},
        primary_metric="mase",
        higher_is_better=False,
        rows=200,
        forecast=forecast | changes,
    )


def test_the_series_asked_for_is_shown_with_its_steps_to_come():
    shown = forecast_shown(report(), "<south>")
    assert shown["shown"]["series"] == "<south>"
    assert shown["rows"][1] == {"time": "2024-01-07", "value": 4.0, "lower": 3.0, "upper": 5.0}
    assert forecast_shown(report(), "nobody")["shown"]["series"] == "north"
    assert forecast_shown(report(examples=[]), "") is None


def test_the_page_draws_history_band_and_truth_and_escapes_names():
    page = render_to_string("registry/forecast.html", {"forecast": forecast_shown(report(), ""), "report": report()})
    assert page.count("<polygon") == 2
    assert "&lt;south&gt;" in page
    assert "<south>" not in page
    assert "2024-01-06" in page


def test_a_chart_without_steps_is_nothing():
    assert forecast_chart([1, 2], {}, [], "nothing") == ""
    assert forecast_chart([None], {"value": [None], "lower": [None], "upper": [None]}, [], "nothing") == ""


@pytest.mark.parametrize(("mase", "kind"), [(0.5, "good"), (0.97, "warn"), (1.0, "warn")])
def test_the_verdict_compares_with_repeating_the_past(mase, kind):
    verdict = verdict_of(report(mase))
    assert verdict.kind == kind
    assert "Repeating the last 7 values" in verdict.sentence
    assert "75 %" in verdict.sentence
