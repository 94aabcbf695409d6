"""Coverage of intervals: honest errors come out near what was promised, errors that grow come out below it."""

import numpy as np
import pytest

from workers.train.coverage import Errors, achieved


def errors_of(size: float, *, seed: int, origins: int = 200, start: int = 0) -> Errors:
    random = np.random.default_rng(seed)
    value = np.zeros((origins, 6))
    truth = random.normal(scale=size, size=value.shape)
    return Errors(truth, value, np.ones((origins, 1)), np.arange(start, start + origins, dtype=float))


def test_errors_of_one_kind_are_covered_as_promised() -> None:
    rows = achieved(errors_of(1.0, seed=1), errors_of(1.0, seed=2, start=200), 0.7)
    assert [row["nominal"] for row in rows] == [0.5, 0.7, 0.8, 0.9, 0.95]
    for row in rows:
        assert row["test"] == pytest.approx(row["nominal"], abs=0.05)
        assert row["backtest"] == pytest.approx(row["nominal"], abs=0.05)
    assert rows[0]["test_values"] == rows[0]["backtest_values"] == 1200


def test_when_the_last_stretch_is_wilder_it_shows_there_and_not_in_the_back_test() -> None:
    (row,) = [one for one in achieved(errors_of(1.0, seed=1), errors_of(3.0, seed=2), 0.8) if one["nominal"] == 0.8]
    assert row["test"] < 0.45
    assert row["backtest"] == pytest.approx(0.8, abs=0.05)


def test_with_one_origin_there_is_nothing_to_leave_out_and_missing_truth_is_not_counted() -> None:
    test = errors_of(1.0, seed=2, origins=4)
    test.truth[0] = np.nan
    rows = achieved(errors_of(1.0, seed=1, origins=1), test, 0.8)
    assert all("backtest" not in row for row in rows)
    assert rows[0]["test_values"] == 18
