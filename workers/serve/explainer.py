"""The queue of explanations: a thread of its own, fair between organisations, so that predictions need not wait."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING

from workers.serve.batching import Outcome
from workers.serve.explain import explain_image, explain_rows
from workers.serve.fair_queue import FairQueue
from workers.serve.images import decode_image
from workers.serve.problems import Refused

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from workers.serve.call import Call

log = logging.getLogger(__name__)

MOST_WAITING = 64  # calls
QUANTUM_ROWS = 256


class Explainer:
    """`finished(calls, outcomes)` is called on the event loop."""

    def __init__(self, finished: Callable[[list[Call], list[Outcome]], None], loop: AbstractEventLoop) -> None:
        self._finished = finished
        self._loop = loop
        self._queue = FairQueue()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="explain")
        self._is_busy = False

    def check_load(self) -> None:
        """Raises Refused."""
        if len(self._queue) >= MOST_WAITING:
            raise Refused("ours:overloaded", "Too many explanations are waiting.", retry_after_s=1)

    def add(self, call: Call) -> None:
        self._queue.add(call.route.organisation.id if call.route else "", call, call.units)
        self._next()

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> None:
        if self._queue and not self._is_busy:
            self._is_busy = True
            (call,) = self._queue.take(1, QUANTUM_ROWS)
            self._executor.submit(self._in_thread, call)

    def _in_thread(self, call: Call) -> None:
        call.started_s = monotonic()
        self._loop.call_soon_threadsafe(self._back, call, _outcome(call))

    def _back(self, call: Call, outcome: Outcome) -> None:
        self._is_busy = False
        self._finished([call], [outcome])
        self._next()


def _outcome(call: Call) -> Outcome:
    """Never raises."""
    model = call.model

    def check() -> None:
        if call.gone or call.deadline_s < monotonic():
            raise Refused("yours:deadline", "The explanation took too long and was given up.")

    if model is None:
        return Refused("ours:starting", retry_after_s=1)
    model.used_s = monotonic()
    try:
        check()
        if model.is_image:
            return [*explain_image(model, call.asked, decode_image(call.take_body()), check)]
        return [*explain_rows(model, call.asked, check)]
    except Refused as refusal:
        return refusal
    except Exception as error:
        log.exception("model %s could not be explained", model.sha256[:12])
        return Refused("ours:internal", f"The model failed ({type(error).__name__}).")
