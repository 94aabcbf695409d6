"""What a forecasting run may ask for, and what each refusal says."""

import pytest

from apps.training.rules import refusal_of_options, refusal_of_series

COLUMNS = [
    {"name": "date", "type": "datetime", "unique": 90},
    {"name": "shop", "type": "category", "unique": 3},
    {"name": "sales", "type": "number", "unique": 270},
]


def refused(target="sales", columns=COLUMNS, **options):
    found = refusal_of_options("forecasting", options, columns)
    found = found or refusal_of_series(target, columns, options, rows=270)
    return (found.code, found.location) if found else None


def test_a_forecast_takes_horizon_season_interval_and_columns():
    wishes = {"horizon": 28, "season": 7, "interval": 0.9, "time_column": "date", "series_column": ["shop"]}
    assert refused(**wishes) is None
    assert refused(series_column="shop") is None


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"horizon": 0}, "horizon"),
        ({"horizon": True}, "horizon"),
        ({"horizon": "12"}, "horizon"),
        ({"season": 1_000_000}, "season"),
        ({"interval": 1}, "interval"),
        ({"time_column": "when"}, "time_column"),
        ({"series_column": ["shop", "nobody"]}, "series_column"),
        ({"series_column": "sales"}, "series_column"),
        ({"series_column": 3}, "series_column"),
        ({"roles": {}}, "roles"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(options, place):
    assert refused(**options) == ("yours:invalid", f"options.{place}")


def test_words_cannot_be_forecast_and_a_time_is_needed():
    assert refused(target="shop") == ("yours:target-type", "target")
    assert refused(columns=COLUMNS[1:]) == ("yours:time-column-missing", "options.time_column")
    assert refused(time_column="shop") == ("yours:time-column-missing", "options.time_column")
    assert refused(target="nothing") == ("yours:target-unknown", "target")
