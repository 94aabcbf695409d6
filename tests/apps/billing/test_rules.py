"""Rounding never loses a micro-unit, identifiers never change, months join without gap."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.billing.rules import (
    alert_steps_reached,
    invoice_number,
    is_webhook_time_right,
    micros_per_minor,
    push_identifier,
    round_half_even,
)
from apps.metering.rules import (
    charge_records,
    lease_size,
    moment_of,
    month_after,
    month_of,
    month_start,
    period_for,
)

pytestmark = pytest.mark.properties
CURRENCIES = st.sampled_from(["USD", "JPY", "KWD", "EUR"])
MICROS = st.integers(-(10**15), 10**15)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(MICROS, CURRENCIES)
def test_rounding_is_exact_with_its_remainder_and_at_most_half_a_minor_unit_off(micros, currency):
    minor, remainder = round_half_even(micros, currency)
    step = micros_per_minor(currency)
    assert minor * step + remainder == micros
    assert abs(remainder) * 2 <= step
    assert abs(remainder) * 2 < step or minor % 2 == 0


@given(st.lists(st.integers(0, 10**9), max_size=40), CURRENCIES)
def test_invoices_that_carry_their_remainder_never_drift_from_the_exact_sum(months, currency):
    carried = billed = 0
    for total in months:
        minor, carried = round_half_even(total + carried, currency)
        billed += minor * micros_per_minor(currency)
    assert billed + carried == sum(months)
    assert abs(billed - sum(months)) * 2 <= micros_per_minor(currency)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 500)), max_size=40),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 4_000)),
    st.integers(0, 3_000),
    st.integers(0, 40),
)
def test_paying_in_two_pieces_pays_the_same_as_in_one(uses, leases, spendable, cut):
    records = [(f"r{position}", lease, micros) for position, (lease, micros) in enumerate(uses)]
    left = dict(leases)
    whole = charge_records(records, lease_left=left, spendable_micros=spendable)
    assert whole.held_micros + whole.from_available + whole.overage_micros == sum(micros for _, micros in uses)
    assert whole.from_available <= spendable
    assert all(micros >= 0 for micros in left.values())
    assert all(whole.by_lease.get(lease, 0) + left[lease] == leases[lease] for lease in leases)
    again = dict(leases)
    first = charge_records(records[:cut], lease_left=again, spendable_micros=spendable)
    rest = charge_records(records[cut:], lease_left=again, spendable_micros=spendable - first.from_available)
    assert again == left
    assert first.from_available + rest.from_available == whole.from_available
    assert {**first.overage, **rest.overage} == whole.overage


@given(st.integers(0, 10**9), st.integers(0, 10**5), st.integers(-100, 10**9))
def test_a_lease_is_never_more_than_there_is_and_never_less_than_useful(want, least, spendable):
    size = lease_size(want_micros=want, least_micros=least, spendable_micros=spendable)
    useful = max(1, least)
    assert size == 0 if spendable < useful else useful <= size <= spendable
    assert size % useful == 0
    assert size <= max(useful, spendable // 20, 0)


@given(MOMENTS)
def test_every_moment_lies_in_exactly_one_month(moment):
    month = month_of(moment)
    assert month_start(month) <= moment < month_start(month_after(month))
    assert month_after(month) > month
    assert moment_of(int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))) == moment


@given(MOMENTS, MOMENTS)
def test_an_event_is_billed_in_its_month_or_late_in_the_first_open_one(moment, other):
    open_from = month_of(other)
    period, late = period_for(moment, open_from)
    assert period >= open_from
    assert late == (month_of(moment) < open_from)
    assert late or period == month_of(moment)


def test_a_leap_day_belongs_to_february():
    assert month_of(datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)) == date(2028, 2, 1)
    assert month_of(datetime(2028, 3, 1, tzinfo=UTC)) == date(2028, 3, 1)
    assert month_after(date(2027, 12, 1)) == date(2028, 1, 1)


def test_half_a_cent_goes_to_the_even_cent():
    assert round_half_even(5_000, "USD") == (0, 5_000)
    assert round_half_even(15_000, "USD") == (2, -5_000)
    assert round_half_even(499_999, "JPY") == (0, 499_999)
    assert round_half_even(1_500, "KWD") == (2, -500)


def test_alerts_come_at_their_steps():
    assert alert_steps_reached(used_micros=499, limit_micros=1_000) == []
    assert alert_steps_reached(used_micros=500, limit_micros=1_000) == [50]
    assert alert_steps_reached(used_micros=2_000, limit_micros=1_000) == [50, 75, 90, 100]
    assert alert_steps_reached(used_micros=10, limit_micros=0) == []


def test_webhook_times_are_checked_both_ways():
    assert [is_webhook_time_right(1_000 + off, 1_000.0) for off in (-301, -300, 0, 300, 301)] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_the_same_delta_has_the_same_name_and_another_another():
    hour = datetime(2026, 11, 5, 12, tzinfo=UTC)
    names = {push_identifier(*what) for what in [("o", "m", hour, 1), ("o", "m", hour, 1), ("o", "m", hour, 2)]}
    assert len(names) == 2
    assert all(len(name) == 44 for name in names)


def test_invoice_numbers_follow_one_another():
    assert invoice_number("2026-11", []) == "MY-2026-11-000001"
    assert invoice_number("2026-11", ["MY-2026-11-000009", "MY-2026-11-000002"]) == "MY-2026-11-000010"
