"""Per model: what has arrived is decoded and run together, fairly between organisations; a bad row fails alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.serve.call import IMAGES, ROWS, Call
from workers.serve.cost import SIZES
from workers.serve.fair_queue import FairQueue
from workers.serve.images import run_images
from workers.serve.problems import Refused

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from workers.serve.sessions import Model

log = logging.getLogger(__name__)

INLINE_MS = 3.0  # work predicted to be shorter runs on the event loop; handing it to a thread would cost more
BATCH_MS = 50.0  # no batch is predicted to run longer, so nobody waits long behind a large one
MAX_BATCH_ROWS = 1024
QUANTUM_MS = 5.0  # predicted work that an organisation runs before it is another one's turn
WINDOW_RUNS = 10  # callers of a slow class wait as long as so many runs of a row take …
WINDOW_MOST_MS = 250.0  # … but no longer than this

Outcome = list[Any] | Refused  # predictions of a call, or why there are none


class Batcher:
    """The queue of one model. `finished(calls, outcomes)` is called on the event loop."""

    def __init__(
        self,
        model: Model,
        executor: Executor,
        slots: int,
        finished: Callable[[list[Call], list[Outcome]], None],
        loop: AbstractEventLoop,
    ) -> None:
        self.model = model
        self.queue = FairQueue()
        self.busy = 0
        self._executor = executor
        self._slots = slots
        self._finished = finished
        self._call_soon_threadsafe = loop.call_soon_threadsafe
        self._call_later = loop.call_later
        self._is_held = False  # a timer will dispatch
        self._hold_until_s = 0.0  # only callers of a slow class wait, and more of them may come until then

    @property
    def queued_ms(self) -> float:
        """Predicted work that waits here; the batches under way are not counted."""
        if not self.queue:
            return 0.0
        return self.model.cost.predicted_ms(self.queue.rows) / self._slots

    def add(self, call: Call) -> None:
        route = call.route
        if route is None or not route.is_slow:
            self._hold_until_s = 0.0
        elif not self.queue:
            window_ms = min(WINDOW_MOST_MS, WINDOW_RUNS * self.model.cost.predicted_ms(1))
            self._hold_until_s = monotonic() + window_ms / 1000
        self.queue.add(route.organisation.id if route else "", call, call.units)

    def dispatch(self) -> None:
        """Run what waits: at once when it is quick, in a thread when it is not and one is free."""
        model = self.model
        if self._waits_for_more():
            return
        while self.queue and self.busy < self._slots:
            batch = self._without_expired(self.queue.take(self._most_rows(), self.model.cost.rows_within(QUANTUM_MS)))
            if not batch:
                continue
            now_s = model.used_s = monotonic()
            for call in batch:
                call.started_s = now_s
            if (live := batch[0].live) is not None:
                live.tally.ran(sum(call.units for call in batch))
            rows = sum(call.units for call in batch)
            if model.cost.predicted_ms(rows) <= INLINE_MS:
                self._run(batch, rows)
            else:
                self.busy += 1
                self._executor.submit(self._in_thread, batch, rows)

    def _most_rows(self) -> int:
        """Where larger batches make rows dearer, the measured best size; in any case what runs in BATCH_MS. What has to
        go to threads is shared among those that are free."""
        cost = self.model.cost
        most = min(MAX_BATCH_ROWS, cost.rows_within(BATCH_MS), cost.best_rows or MAX_BATCH_ROWS)
        if cost.predicted_ms(self.queue.rows) > INLINE_MS:
            most = min(most, -(-self.queue.rows // (self._slots - self.busy)))
        return most

    def _waits_for_more(self) -> bool:
        """Callers of a slow class share larger batches, when those are cheaper; nobody else is made to wait."""
        now_s = monotonic()
        cost = self.model.cost
        if self._hold_until_s <= now_s or self.queue.rows >= (cost.best_rows or SIZES[-1]):
            self._hold_until_s = 0.0
            return False
        if not self._is_held:
            self._is_held = True
            self._call_later(self._hold_until_s - now_s, self._release)
        return True

    def _release(self) -> None:
        self._is_held = False
        self.dispatch()

    def _run(self, batch: list[Call], rows: int) -> None:
        started_s = monotonic()
        outcomes = answer_batch(self.model, batch)
        self.model.cost.learn(rows, (monotonic() - started_s) * 1000)
        self._finished(batch, outcomes)

    def _in_thread(self, batch: list[Call], rows: int) -> None:
        started_s = monotonic()
        outcomes = answer_batch(self.model, batch)
        self._call_soon_threadsafe(self._back, batch, outcomes, rows, (monotonic() - started_s) * 1000)

    def _back(self, batch: list[Call], outcomes: list[Outcome], rows: int, took_ms: float) -> None:
        self.busy -= 1
        self.model.cost.learn(rows, took_ms)
        self._finished(batch, outcomes)
        self.dispatch()

    def _without_expired(self, batch: list[Call]) -> list[Call]:
        now_s = monotonic()
        alive = [call for call in batch if call.deadline_s > now_s and not call.gone]
        if len(alive) < len(batch):
            late = [call for call in batch if call.deadline_s <= now_s or call.gone]
            self._finished(late, [Refused("yours:deadline", "It waited too long and was not run.") for _ in late])
        return alive


def answer_batch(model: Model, batch: list[Call]) -> list[Outcome]:
    """Decode, run and encode; never raises. Outcomes are in the order of the calls."""
    outcomes: dict[int, Outcome] = {}
    groups: dict[Any, list[Call]] = {}
    for call in batch:
        groups.setdefault(ROWS if call.kind == ROWS else call.shape, []).append(call)
    for calls in groups.values():
        _answer_group(model, calls, outcomes)
    return [outcomes[id(call)] for call in batch]


def _answer_group(model: Model, calls: list[Call], outcomes: dict[int, Outcome]) -> None:
    """Calls that fit into one run. Anything that fails is split until it fails alone."""
    try:
        feed = _joined_feed(model, calls)
        outputs = run_images(model.run, feed) if calls[0].kind == IMAGES else model.run(feed)
        if calls[0].encoding is not None:
            _split_tensors(calls, outputs, outcomes)
        else:
            _split_predictions(calls, model.writer.write(outputs), outcomes)
    except Refused as refusal:
        _split_group(model, calls, outcomes, refusal)
    except Exception as error:  # whatever the graph throws at one row must not reach the neighbours
        if len(calls) == 1:
            log.exception("model %s failed on a request", model.sha256[:12])
        failure = Refused("ours:internal", f"The model failed ({type(error).__name__}).")
        _split_group(model, calls, outcomes, failure)


def _split_group(model: Model, calls: list[Call], outcomes: dict[int, Outcome], refusal: Refused) -> None:
    if len(calls) == 1:
        outcomes[id(calls[0])] = refusal
        return
    middle = len(calls) // 2
    _answer_group(model, calls[:middle], outcomes)
    _answer_group(model, calls[middle:], outcomes)


def _joined_feed(model: Model, calls: list[Call]) -> dict[str, Any]:
    if calls[0].kind == ROWS and model.table is not None:
        if len(calls) == 1:
            return model.table.decode(calls[0].rows or [])
        return model.table.decode([row for call in calls for row in call.rows or []])
    feeds = [call.feed or {} for call in calls]
    if len(feeds) == 1:
        return feeds[0]
    return {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}


def _split_predictions(calls: list[Call], entries: list[Any], outcomes: dict[int, Outcome]) -> None:
    at = 0
    for call in calls:
        part = entries[at : at + call.units]
        at += call.units
        refusal = next((entry for entry in part if isinstance(entry, Refused)), None)
        outcomes[id(call)] = part if refusal is None else refusal


def _split_tensors(calls: list[Call], outputs: dict[str, Any], outcomes: dict[int, Outcome]) -> None:
    at = 0
    for call in calls:
        outcomes[id(call)] = [{name: tensor[at : at + call.units] for name, tensor in outputs.items()}]
        at += call.units
