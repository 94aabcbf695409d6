"""Identifiers tell their kind and sort by age."""

import time

from contracts.ids import PREFIXES, new_id


def test_ids_made_later_sort_later():
    first = new_id("run")
    time.sleep(0.002)
    assert first < new_id("run")


def test_a_thousand_ids_are_a_thousand():
    assert len({new_id("use") for _ in range(1000)}) == 1000


def test_prefixes_do_not_begin_one_another():
    names = [f"{prefix}_" for prefix in PREFIXES]
    assert not [(a, b) for a in names for b in names if a != b and b.startswith(a)]
