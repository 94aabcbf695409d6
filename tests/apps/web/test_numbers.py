"""Numbers are shown as they are: nothing is rounded away, nothing is invented."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.web import numbers
from apps.web.charts.bars import histogram, sparkline
from apps.web.charts.scale import ticks


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "$0.00"),
        (100, "$0.0001"),
        (1, "$0.000001"),
        (1_500_000, "$1.50"),
        (-20_000, "−$0.02"),
        (4_982_000, "$4.982"),
        (123_456_789_000, "$123,456.79"),
        (None, "–"),
    ],
)
def test_money_keeps_every_micro_of_small_amounts(micros, shown):
    assert numbers.money(micros) == shown


def test_money_names_a_currency_it_has_no_sign_for():
    assert numbers.money(2_000_000, "SEK") == "2.00 SEK"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.84, "0.8 s"), (45, "45 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min"), (None, "–")]
)
def test_durations_have_units(seconds, shown):
    assert numbers.duration(seconds) == shown


@pytest.mark.parametrize(("share", "shown"), [(0, "0 %"), (1, "100 %"), (0.0004, "< 0.1 %"), (0.9231, "92.3 %")])
def test_a_tiny_share_is_not_nothing(share, shown):
    assert numbers.percent(share) == shown


def test_a_year_is_not_a_quantity():
    assert numbers.amount(2007) == "2007"
    assert numbers.amount(123_456) == "123,456"


def test_a_moment_is_relative_with_the_exact_time_in_its_title():
    moment = datetime.now(tz=UTC) - timedelta(minutes=3, seconds=5)
    shown = str(numbers.when(moment))
    assert "3 minutes ago" in shown
    assert f'title="{moment:%Y-%m-%d %H:%M:%S} UTC"' in shown


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.00037), (-7.5, 3), (1e6, 9e6)])
def test_ticks_are_few_and_cover_the_range(low, high):
    marks = ticks(low, high)
    assert marks[0] <= low
    assert marks[-1] >= high - 1e-9
    assert 2 <= len(marks) <= 8


def test_charts_escape_what_they_are_given():
    drawn = sparkline([1, 2], '"><script>')
    assert "<script>" not in drawn
    assert histogram([0, 1, 2], [3], "edges and counts do not fit") == ""
