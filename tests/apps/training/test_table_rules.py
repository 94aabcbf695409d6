"""Options of runs on tables: what is taken, and what each refusal points at."""

from typing import Any

import pytest

from apps.training.rules import refusal_of_options

COLUMNS = [{"name": "when", "type": "datetime"}, {"name": "shop", "type": "category"}]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metric": "f1"},
        {"search": True, "precision": "int8"},
        {"splits": {"kind": "time", "column": "when"}},
        {"splits": {"kind": "group", "column": "shop", "test_share": 0.3}},
    ],
)
def test_known_options_are_taken(options: dict[str, Any]) -> None:
    assert refusal_of_options("tabular_classification", options, COLUMNS) is None


@pytest.mark.parametrize(
    ("options", "location"),
    [
        ({"metric": "luck"}, "options.metric"),
        ({"splits": "time"}, "options.splits"),
        ({"splits": {"kind": "time", "colum": "when"}}, "options.splits"),
        ({"splits": {"kind": "moon"}}, "options.splits.kind"),
        ({"splits": {"kind": "time", "column": "shop"}}, "options.splits.column"),
        ({"splits": {"kind": "group", "column": "nowhere"}}, "options.splits.column"),
        ({"splits": {"test_share": 0.9}}, "options.splits.test_share"),
        ({"search": "yes"}, "options.search"),
        ({"splits": {"valid_share": True}}, "options.splits.valid_share"),
    ],
)
def test_each_refusal_names_the_option(options: dict[str, Any], location: str) -> None:
    refusal = refusal_of_options("tabular_classification", options, COLUMNS)
    assert refusal is not None
    assert refusal.location == location


def test_a_regression_has_no_metric_of_labels() -> None:
    refusal = refusal_of_options("tabular_regression", {"metric": "f1"}, COLUMNS)
    assert refusal is not None
    assert refusal.location == "options.metric"


@pytest.mark.parametrize("threshold", [0, 1, 1.5, "0.3", True, None])
def test_a_threshold_lies_between_0_and_1(threshold: object) -> None:
    refusal = refusal_of_options("tabular_classification", {"threshold": threshold}, COLUMNS)
    assert refusal
    assert refusal.location == "options.threshold"
    assert refusal_of_options("tabular_classification", {"threshold": 0.3}, COLUMNS) is None
