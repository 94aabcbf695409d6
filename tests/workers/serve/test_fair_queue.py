"""Whoever floods the queue waits behind itself, whatever the size of batches and of requests."""

from hypothesis import given
from hypothesis import strategies as st

from workers.serve.fair_queue import FairQueue


def test_one_request_of_a_quiet_owner_waits_for_one_turn_of_the_loud_one_not_for_its_queue():
    for most_rows in (1, 2, 64):
        queue = FairQueue()
        for number in range(200):
            queue.add("loud", ("loud", number), 1)
        queue.add("quiet", ("quiet", 0), 1)
        before = 0
        while ("quiet", 0) not in (taken := queue.take(most_rows, 3)):
            before += len(taken)
        assert before + len(taken) <= 3 + most_rows


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 40)), min_size=1, max_size=60),
    st.integers(1, 50),
    st.integers(1, 20),
)
def test_everything_comes_out_once_in_the_order_of_its_owner(asked, most_rows, quantum_rows):
    queue = FairQueue()
    for number, (owner, rows) in enumerate(asked):
        queue.add(owner, (owner, number, rows), rows)
    out = []
    while queue:
        taken = queue.take(most_rows, quantum_rows)
        assert taken
        assert len(taken) == 1 or sum(rows for _, _, rows in taken) <= most_rows
        out += taken
    assert queue.rows == 0
    assert sorted(number for _, number, _ in out) == list(range(len(asked)))
    for owner in "abc":
        mine = [number for name, number, _ in out if name == owner]
        assert mine == sorted(mine)


@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 30), st.integers(8, 20))
def test_owners_that_always_wait_get_equal_rows(small, large, most_rows, quantum_rows):
    queue = FairQueue()
    served = {"a": 0, "b": 0}
    sizes = {"a": small, "b": large}
    for owner, size in sizes.items():
        for _ in range(400):
            queue.add(owner, owner, size)
    while sum(served.values()) < 400:
        for owner in queue.take(most_rows, quantum_rows):
            served[owner] += sizes[owner]
    assert abs(served["a"] - served["b"]) <= 2 * quantum_rows + most_rows + small + large
