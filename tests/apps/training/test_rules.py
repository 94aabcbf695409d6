"""Who is next, which state may follow, what a run costs: claims about pure functions."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.training import rules
from apps.training.rules import Share, Waiting
from contracts.failures import FAILURES
from contracts.jobs import FAMILIES, MAX_ATTEMPTS, RUN_ACTIVE_STATES, RUN_FINAL_STATES, RUN_STATES, TASKS_TRAINABLE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORGANISATIONS = ("a", "b", "c")
waiting_runs = st.lists(
    st.builds(
        lambda organisation, priority, age: (organisation, priority, age),
        st.sampled_from(ORGANISATIONS),
        st.integers(-2, 2),
        st.integers(0, 100),
    ),
    max_size=30,
).map(
    lambda rows: [
        Waiting(f"run_{number:03}", organisation, priority, NOW + timedelta(seconds=age))
        for number, (organisation, priority, age) in enumerate(rows)
    ]
)
active_slots = st.dictionaries(st.sampled_from(ORGANISATIONS), st.integers(0, 6))
share = st.builds(Share, st.integers(0, 4), st.one_of(st.none(), st.integers(0, 6)))
shares_of_all = st.dictionaries(st.sampled_from(ORGANISATIONS), share)


def started_one_by_one(waiting: list[Waiting], active: dict[str, int], shares: dict[str, Share]) -> list[Waiting]:
    """Start runs until none may start, counting each as active."""
    left, active, order = list(waiting), dict(active), []
    while run := rules.next_in_line(left, active, shares, slots=1000):
        order.append(run)
        left.remove(run)
        active[run.organisation] = active.get(run.organisation, 0) + 1
    return order


@given(waiting_runs, active_slots, shares_of_all)
def test_the_line_is_the_order_in_which_runs_really_start(
    waiting: list[Waiting], active: dict[str, int], shares: dict[str, Share]
) -> None:
    started = started_one_by_one(waiting, active, shares)
    assert rules.line_up(waiting, active, shares)[: len(started)] == started


@given(waiting_runs, active_slots, shares_of_all)
def test_nobody_gets_more_than_its_maximum(
    waiting: list[Waiting], active: dict[str, int], shares: dict[str, Share]
) -> None:
    for organisation in ORGANISATIONS:
        count = active.get(organisation, 0) + sum(
            run.organisation == organisation for run in started_one_by_one(waiting, active, shares)
        )
        most = shares.get(organisation, Share()).max_slots
        assert most is None or count <= max(most, active.get(organisation, 0))


@given(waiting_runs, active_slots, shares_of_all)
def test_who_is_below_its_guarantee_goes_before_who_is_not(
    waiting: list[Waiting], active: dict[str, int], shares: dict[str, Share]
) -> None:
    first = rules.next_in_line(waiting, active, shares, slots=1000)
    if first is None:
        return

    def is_owed(organisation: str) -> bool:
        share = shares.get(organisation, Share())
        return active.get(organisation, 0) < share.guaranteed_slots and not rules.is_at_maximum(
            organisation, active, shares
        )

    if any(is_owed(run.organisation) for run in waiting):
        assert is_owed(first.organisation)


@given(waiting_runs, st.integers(1, 12))
def test_without_guarantees_slots_differ_by_one_at_most_while_both_wait(waiting: list[Waiting], slots: int) -> None:
    left, active = list(waiting), dict.fromkeys(ORGANISATIONS, 0)
    while run := rules.next_in_line(left, active, {}, slots=slots):
        left.remove(run)
        active[run.organisation] += 1
        still_waiting = {other.organisation for other in left} | {run.organisation}
        counts = [active[organisation] for organisation in still_waiting]
        assert active[run.organisation] - min(counts) <= 1
    assert sum(active.values()) <= slots


@given(waiting_runs)
def test_within_an_organisation_priority_goes_before_age(waiting: list[Waiting]) -> None:
    line = [run for run in rules.line_up(waiting, {}, {}) if run.organisation == "a"]
    assert line == sorted(line, key=lambda run: (-run.priority, run.queued_at, run.id))


def test_a_full_pool_starts_nothing() -> None:
    waiting = [Waiting("run_1", "a", 9, NOW)]
    assert rules.next_in_line(waiting, {"b": 2}, {}, slots=2) is None


@given(st.lists(st.sampled_from(RUN_STATES), min_size=1, max_size=12))
def test_no_walk_of_allowed_moves_leaves_a_final_state(steps: list[str]) -> None:
    state = "draft"
    for step in steps:
        if rules.may_move(state, step):
            assert state not in RUN_FINAL_STATES
            state = step


def test_every_state_that_is_not_final_can_reach_an_end() -> None:
    for state in RUN_STATES:
        if state not in RUN_FINAL_STATES:
            assert rules.may_move(state, "cancelled")


@given(st.sampled_from(RUN_ACTIVE_STATES), st.text(max_size=10) | st.sampled_from(RUN_STATES))
def test_a_heartbeat_never_moves_a_run_backwards(before: str, reported: str) -> None:
    after = rules.shown_state(before, reported)
    assert RUN_ACTIVE_STATES.index(after) >= RUN_ACTIVE_STATES.index(before)


@given(st.integers(10, 10**6), st.integers(0, 10**6))
def test_the_default_cap_pays_the_budget_and_a_fifth_more(budget_seconds: int, price: int) -> None:
    cap = rules.default_cap_micros(budget_seconds, price)
    assert cap >= budget_seconds * price
    assert 10 * cap - 12 * budget_seconds * price in range(10)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(0, 10_000), st.integers(0, 10**9))
def test_no_charge_goes_above_the_hold_or_the_clock(
    compute_seconds: float, wall_seconds: float, price: int, cap: int
) -> None:
    units = rules.charged_units(compute_seconds, wall_seconds=wall_seconds, unit_price_micros=price, cap_micros=cap)
    assert units >= 0
    assert units * price <= cap or price == 0
    assert units <= math.ceil(wall_seconds)


def test_the_trainer_is_told_to_stop_before_the_cap_is_spent() -> None:
    assert not rules.is_cap_nearly_reached(9.0, 1000, 10_000)
    assert rules.is_cap_nearly_reached(9.9, 1000, 10_000)
    assert not rules.is_cap_nearly_reached(10**9, 0, 0)


def test_only_what_the_user_got_broke_or_stopped_is_charged() -> None:
    assert rules.is_charged("succeeded", "")
    assert rules.is_charged("cancelled", "")
    for code in FAILURES:
        assert rules.is_charged("failed", code) == code.startswith("yours:")


def test_the_third_loss_is_the_last() -> None:
    states = [rules.after_loss(attempt)[0] for attempt in range(1, MAX_ATTEMPTS + 1)]
    assert states == ["queued"] * (MAX_ATTEMPTS - 1) + ["failed"]


@given(st.lists(st.fixed_dictionaries({"step": st.integers(0, 9)}), max_size=200), st.integers(1, 50))
def test_a_thinned_curve_keeps_its_newest_point_and_its_order(points: list[dict[str, int]], limit: int) -> None:
    points = [point | {"at": number} for number, point in enumerate(points)]
    kept = rules.thinned(list(points), limit)
    assert len(kept) <= limit
    assert kept[-1:] == points[-1:]
    assert [point["at"] for point in kept] == sorted(point["at"] for point in kept)


@pytest.mark.parametrize(
    ("task", "column", "code"),
    [
        ("tabular_classification", None, "yours:target-unknown"),
        ("tabular_classification", {"missing": 100, "unique": 0}, "yours:labels-missing"),
        ("tabular_classification", {"missing": 90, "unique": 3}, "yours:too-few-rows"),
        ("tabular_classification", {"missing": 0, "unique": 1}, "yours:one-class"),
        ("tabular_regression", {"missing": 0, "unique": 50, "type": "category"}, "yours:target-type"),
        ("tabular_classification", {"missing": 0, "unique": 5000, "type": "category"}, "yours:target-type"),
    ],
)
def test_a_target_that_cannot_be_learnt_is_refused_with_its_code(
    task: str, column: dict[str, object] | None, code: str
) -> None:
    refusal = rules.refusal_of_target(task, "y", column, rows=100)
    assert refusal is not None
    assert refusal.code == code


def test_a_number_with_many_values_is_a_quantity_and_with_few_a_class() -> None:
    assert rules.inferred_task({"type": "number", "unique": 500}, is_images=False) == "tabular_regression"
    assert rules.inferred_task({"type": "number", "unique": 3}, is_images=False) == "tabular_classification"
    assert rules.inferred_task(None, is_images=True) == "image_classification"


def test_each_trainable_task_names_its_families() -> None:
    assert set(FAMILIES) == set(TASKS_TRAINABLE)
    for task, families in FAMILIES.items():
        assert rules.refusal_of_task(task, families, is_images=task.startswith("image")) is None
    assert rules.refusal_of_task("clairvoyance", [], is_images=False) is not None
    assert rules.refusal_of_task("image_classification", [], is_images=False) is not None
    assert rules.refusal_of_task("tabular_regression", ["oracle"], is_images=False) is not None


def test_a_profiled_column_becomes_the_column_the_trainer_knows() -> None:
    column = {
        "name": "when", "type": "datetime", "minimum": "2020-01-01", "unique": 4, "histogram": [1],
        "categories": [{"value": "x", "count": 2}],
    }  # fmt: skip
    spec = rules.column_spec(column)
    assert spec["minimum"] is None
    assert spec["categories"] == ["x"]
    assert "histogram" not in spec


@given(st.integers(0, 10**8), st.integers(1, 4096), st.integers(10, 10**5), st.integers(0, 10_000))
def test_an_estimate_never_exceeds_budget_or_cap(rows: int, columns: int, budget: int, price: int) -> None:
    estimate = rules.estimate(
        task="tabular_regression",
        rows=rows,
        columns=columns,
        families=[],
        budget_seconds=budget,
        unit_price_micros=price,
    )
    assert 0 < estimate.seconds <= budget
    assert estimate.cost_micros <= estimate.max_cost_micros
