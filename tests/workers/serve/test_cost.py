"""What a run costs decides how large batches are, and whether a run may hold up the event loop."""

import time

import pytest

from workers.serve.cost import Cost


def test_sizes_that_were_not_measured_lie_between_those_that_were():
    cost = Cost([1, 2, 4], [10.0, 12.0, 20.0])
    assert [cost.predicted_ms(rows) for rows in (1, 2, 3, 4, 8)] == [10.0, 12.0, 16.0, 20.0, 40.0]
    assert cost.rows_within(50.0) == 10
    assert cost.rows_within(0.001) == 1


@pytest.mark.parametrize(
    ("times_ms", "best"),
    [([10.0, 20.5, 42.0, 90.0], 1), ([10.0, 11.0, 22.5, 50.0], 2), ([10.0, 11.0, 13.0, 17.0], None)],
)
def test_the_preferred_batch_is_the_one_with_the_cheapest_row(times_ms: list[float], best: int | None):
    assert Cost([1, 2, 4, 8], times_ms).best_rows == best


def test_real_runs_correct_the_measure_within_bounds():
    cost = Cost([1, 2], [1.0, 2.0])
    for _ in range(100):
        cost.learn(2, 6.0)
    assert cost.predicted_ms(1) == pytest.approx(3.0, rel=0.01)
    for _ in range(100):
        cost.learn(2, 1e6)
    assert cost.predicted_ms(1) <= 10.0


def test_a_model_that_is_slow_at_one_row_is_not_tried_with_many():
    tried: list[int] = []

    def run(rows: int) -> None:
        tried.append(rows)
        if rows >= 4:
            end = time.perf_counter() + 0.07
            while time.perf_counter() < end:
                pass

    Cost.measure(run)
    assert max(tried) == 4
