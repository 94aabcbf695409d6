"""Traffic shares after a version is let in always sum to 100, whatever they were before."""

from hypothesis import given
from hypothesis import strategies as st

from apps.endpoints.rollout import Share, with_version


def test_a_canary_takes_its_share_from_the_others_in_proportion():
    wanted = with_version([Share("a", 60), Share("b", 40)], "c", weight=10)
    assert {row["model_version"]: row["weight"] for row in wanted} == {"a": 54, "b": 36, "c": 10}


def test_all_of_the_traffic_leaves_nobody_else():
    assert with_version([Share("a", 100)], "b", weight=100) == [{"model_version": "b", "weight": 100, "shadow": False}]


@given(st.lists(st.integers(1, 100), min_size=1, max_size=6), st.integers(1, 100), st.booleans())
def test_the_live_weights_sum_to_100(weights, weight, is_known):
    present = [Share(f"v{place}", part) for place, part in enumerate(weights)]
    version = "v0" if is_known else "new"
    live = [row["weight"] for row in with_version(present, version, weight=weight) if not row["shadow"]]
    assert sum(live) == 100
    assert all(part > 0 for part in live)
