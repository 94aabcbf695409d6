"""Who is in which part: by time the last, by group whole groups, by share every class; and the folds of each."""

import numpy as np
import pytest

from workers.train.folds import fold_ids, folds_of
from workers.train.splits import Parts, by_group, by_order, by_share

STRATA = np.repeat([0, 1, 2], [80, 17, 3])


def all_rows(parts: Parts) -> list[int]:
    return sorted([*parts.train, *parts.valid, *parts.test])


def test_a_split_by_time_validates_and_tests_on_what_came_last() -> None:
    order = np.random.default_rng(0).permutation(100).astype(float)
    parts = by_order(order, {})
    assert all_rows(parts) == list(range(100))
    assert order[parts.train].max() < order[parts.valid].min()
    assert order[parts.valid].max() < order[parts.test].min()
    choosing, tested, everything = folds_of(parts, STRATA, "time", 1)
    assert order[choosing.fit].max() < order[choosing.held].min()
    assert order[tested.fit].max() < order[tested.held].min()
    assert [fold.ships for fold in (choosing, tested, everything)] == [False, True, True]
    assert len(everything.fit) == 100


def test_a_split_by_group_never_cuts_a_group_apart() -> None:
    groups = np.random.default_rng(1).integers(0, 20, 300)
    parts = by_group(groups, {}, seed=4)
    assert all_rows(parts) == list(range(300))
    for fold in folds_of(parts, np.zeros(300, int), "group", 4, groups):
        assert set(groups[fold.fit]).isdisjoint(groups[fold.held])
    assert 0.15 < len(parts.test) / 300 < 0.35


def test_every_fold_answers_rows_it_never_saw_and_every_row_is_learned_from() -> None:
    parts = by_share(STRATA, {}, seed=2)
    folds = folds_of(parts, STRATA, "random", 2)
    assert [fold.chooses for fold in folds] == [True, True, True, True, False]
    for fold in folds:
        assert not np.intersect1d(fold.fit, fold.held).size
        assert len(fold.fit) + len(fold.held) == 100
    assert sorted(np.concatenate([fold.held for fold in folds])) == list(range(100))
    assert (folds[-1].held == parts.test).all()  # the evaluation's rows choose nothing
    assert len(np.unique(fold_ids(folds, 100))) == 5


@pytest.mark.parametrize(("rows", "fits"), [(12_000, 5), (12_001, 3), (40_001, 2)])
def test_more_rows_need_fewer_folds(rows: int, fits: int) -> None:
    strata = np.zeros(rows, dtype=int)
    assert len(folds_of(by_share(strata, {}, seed=1), strata, "random", 1)) == fits


def test_a_class_of_two_rows_is_learned_from_and_not_tested_on() -> None:
    strata = np.repeat([0, 1], [50, 2])
    parts = by_share(strata, {}, seed=1)
    assert not (strata[parts.test] == 1).any()
    assert all_rows(parts) == list(range(52))
