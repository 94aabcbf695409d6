"""Endpoint rules: names, weights, limits, schema compatibility."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.endpoints import rules


@pytest.mark.parametrize("name", ["a", "penguins", "a-b-1", "x" * 60])
def test_a_plain_name_is_accepted(name):
    assert rules.name_objection(name) == ""


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "a/b", "x" * 61, "ä", "a\n"])
def test_a_name_that_would_break_an_address_is_refused(name):
    assert rules.name_objection(name)


@given(weights=st.lists(st.integers(-50, 150), max_size=5))
def test_accepted_weights_are_percentages_that_sum_to_a_hundred(weights):
    if rules.weight_objection(weights) == "":
        assert weights
        assert sum(weights) == 100
        assert all(0 <= weight <= 100 for weight in weights)


def test_each_wrong_limit_is_named_with_its_place():
    _, errors = rules.parse_policies([{"name": "ok", "quota": 5, "window_s": 1}, {"quota": True, "window_s": 0}, "x"])
    places = [error["location"] for error in errors]
    assert places == ["limits[1].quota", "limits[1].window_s", "limits[2]"]


def test_two_limits_of_one_name_are_refused():
    _, errors = rules.parse_policies([{"name": "a", "quota": 1, "window_s": 1}] * 2)
    assert errors
