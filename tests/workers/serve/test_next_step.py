"""The quick road's steps: at once when the disk is free, in company while it is not, and never waiting for long."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from workers.serve.next_step import NextStep


class Road:
    """Counts what each step took up."""

    def __init__(self) -> None:
        self.next = NextStep(asyncio.get_running_loop(), self.take)
        self.waiting = 0
        self.steps: list[int] = []

    def come(self, requests: int) -> None:
        for _ in range(requests):
            self.waiting += 1
            self.next.came()

    def take(self) -> None:
        self.steps.append(self.waiting)
        self.waiting = 0


def run(story: Coroutine[Any, Any, list[int]]) -> list[int]:
    """In a thread of its own: where browser tests ran before, this one has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, story).result()


def steps_of(story: Callable[[Road], object]) -> list[int]:
    async def play() -> list[int]:
        road = Road()
        for moment in story(road):  # type: ignore[attr-defined]
            moment()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return road.steps

    return run(play())


def test_all_of_one_turn_are_taken_together_and_at_once():
    assert steps_of(lambda road: [lambda: road.come(5), lambda: road.come(1)]) == [5, 1]


def test_while_the_disk_syncs_a_few_wait_until_they_are_as_many():
    story = [lambda r: r.next.syncing(8), lambda r: r.come(3), lambda r: r.come(4), lambda r: r.come(1)]
    assert steps_of(lambda road: [lambda m=m: m(road) for m in story]) == [8]


def test_when_the_disk_is_done_those_who_waited_are_taken():
    story = [lambda r: r.next.syncing(8), lambda r: r.come(3), lambda r: r.next.synced(8)]
    assert steps_of(lambda road: [lambda m=m: m(road) for m in story]) == [3]


def test_a_disk_that_never_answers_is_not_waited_for():
    async def play() -> list[int]:
        road = Road()
        road.next.syncing(64)
        road.come(2)
        while not road.steps:
            await asyncio.sleep(0.001)
        road.come(1)
        while len(road.steps) < 2:
            await asyncio.sleep(0.001)
        return road.steps

    assert run(asyncio.wait_for(play(), 10)) == [2, 1]
