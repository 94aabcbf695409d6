"""Before the road, for requests that ask for more than an answer now: repeats that must be told the same, and answers
that are fetched later. Requests without such headers never come here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from workers.serve.answers import AnswerStore, Claim
from workers.serve.call import Call
from workers.serve.detached import Answer, detach, headers_of_kept, pass_on
from workers.serve.later import Later, wants_later
from workers.serve.oip_json import inflate
from workers.serve.problems import Refused

if TYPE_CHECKING:
    from workers.serve.app import Road

log = logging.getLogger(__name__)

PREDICT = b"/v1/predict/"
EXPLAIN = b"/v1/explain/"
MODELS = b"/v2/models/"
MOST_KEY_BYTES = 255
QUICK_BYTES = 4096  # a packed body of this size is unpacked on the road; a larger one may take many milliseconds


class Desk:
    """`errand(function, *arguments, then=…)` runs blocking work on a thread and `then(result)` back on the loop."""

    def __init__(self, road: Road, store: AnswerStore, loop: Any) -> None:
        self._road = road
        self._store = store
        self._loop = loop
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="answers")
        self._later = Later(road, store, self.errand, loop)

    def errand(self, function: Callable[..., Any], *arguments: Any, then: Callable[[Any], None]) -> None:
        """`then` gets the result, or the exception that came instead."""

        def work() -> None:
            try:
                outcome = function(*arguments)
            except Exception as error:
                outcome = error
            self._loop.call_soon_threadsafe(then, outcome)

        self._executor.submit(work)

    def close(self) -> None:
        self._executor.shutdown(wait=True)

    def sweep(self) -> None:
        """Remove old answers, on a thread."""
        self.errand(self._store.sweep, then=self._swept)

    def _swept(self, outcome: Any) -> None:
        if isinstance(outcome, Exception):
            log.warning("old answers cannot be removed: %s", outcome)
        elif outcome:
            log.info("%d old answers removed", outcome)

    def fetch(self, call: Call) -> None:
        self._later.fetch(call)

    def take(self, call: Call) -> None:
        """Find out whose request it is; what is wrong with it is told by the road."""
        key = call.headers.get(b"idempotency-key", b"").strip().strip(b'"')
        directory = self._road.directory
        try:
            if directory is None or call.method != b"POST":
                raise Refused("ours:starting")
            entry = directory.authenticate(call.headers.get(b"authorization", b""))
            call.route = directory.route(entry, _endpoint(call.path))
        except Refused:
            self._road.accept(call)
            return
        call.rate_headers = call.route.policy_header
        if b"content-encoding" in call.headers and call.path.startswith(MODELS) and len(call.take_body()) > QUICK_BYTES:
            coding = call.headers.pop(b"content-encoding")
            self.errand(inflate, call.body, coding, then=lambda body: self._unpacked(call, key, body))
        else:
            self._unpacked(call, key, call.body)

    def _unpacked(self, call: Call, key: bytes, body: Any) -> None:
        if isinstance(body, Exception):
            self._road.refuse(call, body if isinstance(body, Refused) else Refused("ours:internal"))
            return
        call.body = body
        if call.route is not None and key and len(key) <= MOST_KEY_BYTES:
            place = f"key:{call.route.endpoint.id}:{key.decode('latin-1')}"
            self.errand(self._store.claim, place, _fingerprint(call), then=lambda found: self._found(call, found))
        else:
            self._onward(call)

    def _onward(self, call: Call) -> None:
        if wants_later(call):
            self._later.take(call)
        else:
            self._road.accept(call)

    def _found(self, call: Call, found: Any) -> None:
        if isinstance(found, Answer):
            self._repeat(call, found)
        elif isinstance(found, Claim):
            self._run(call, found)
        elif isinstance(found, Refused):
            self._road.refuse(call, found)
        else:
            log.error("answers cannot be kept: %s", found)
            self._onward(call)  # charged once all the same: the usage id follows from the key and the body

    def _repeat(self, call: Call, kept: Answer) -> None:
        def give() -> None:
            headers = b"Idempotency-Replayed: true\r\n" + headers_of_kept(call, kept)
            call.answer(kept.status, headers, kept.body, kept.content_type)

        if call.route is not None:
            self._road.with_rates(call, call.route, give)

    def _run(self, call: Call, claim: Claim) -> None:
        """Only good answers are remembered: a refused request may be corrected and sent with the same key."""
        give = pass_on(call)

        def answered(answer: Answer) -> None:
            if answer.status < 300:
                self.errand(claim.keep, answer, then=lambda outcome: give(answer))
            else:
                self.errand(claim.drop, then=lambda outcome: give(answer))

        copy = detach(call, answered, lambda: call.gone)
        copy.route = call.route
        # A repeat may come from a client that does not unpack.
        copy.headers = {name: value for name, value in call.headers.items() if name != b"accept-encoding"}
        self._onward(copy)


def _endpoint(path: bytes) -> str:
    prefix = next(one for one in (PREDICT, EXPLAIN, MODELS) if path.startswith(one))
    return path.partition(b"?")[0][len(prefix) :].partition(b"/")[0].decode("latin-1")


def _fingerprint(call: Call) -> str:
    """Two requests are the same when all of this is equal."""
    digest = sha256(call.path + b"\n" + call.headers.get(b"content-type", b"") + b"\n")
    digest.update(call.take_body())
    return digest.hexdigest()
