"""`Prefer: respond-async` for slow endpoints: 202 with an address at once, the answer there when it is ready."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from workers.serve.answers import AnswerStore, Claim
from workers.serve.call import Call
from workers.serve.detached import Answer, detach, headers_of_kept, pass_on
from workers.serve.problems import Refused

if TYPE_CHECKING:
    from workers.serve.app import Road

log = logging.getLogger(__name__)

RESULTS = b"/v1/results/"
SLOW = "batch"  # the latency class whose clients may ask for it
SETTLE_S = 0.05  # a refusal that comes this soon is the answer itself, and no result
PATIENCE_S = 900.0  # nobody waits on the line, so the work may
_PLACE = re.compile(rb"/v1/results/([0-9A-Za-z._-]{1,200})/([0-9A-Za-z_-]{24})")


def wants_later(call: Call) -> bool:
    """Whether the client asks for it and the endpoint is slow enough; a preference may be left aside (RFC 7240)."""
    wish = call.headers.get(b"prefer", b"").lower()
    return b"respond-async" in wish and call.route is not None and call.route.endpoint.latency_class == SLOW


class Later:
    def __init__(self, road: Road, store: AnswerStore, errand: Callable[..., None], loop: Any) -> None:
        self._road = road
        self._store = store
        self._errand = errand
        self._loop = loop

    def take(self, call: Call) -> None:
        """Promise an address, then walk the road without the client."""
        if call.route is None:
            return
        token = secrets.token_urlsafe(18)
        address = f"{RESULTS.decode()}{call.route.endpoint.name}/{token}".encode()
        place = _place(call.route.endpoint.id, token)
        self._errand(self._store.claim, place, "", then=lambda found: self._claimed(call, address, found))

    def _claimed(self, call: Call, address: bytes, found: Any) -> None:
        if not isinstance(found, Claim):
            log.error("results cannot be kept: %s", found)
            self._road.accept(call)  # the client is answered on the line, which it has to expect
            return
        told = False

        def tell() -> None:
            nonlocal told
            if not told:
                told = True
                self._promise(call, address)

        def settled() -> None:
            copy.deadline_s = monotonic() + PATIENCE_S
            tell()

        def answered(answer: Answer) -> None:
            nonlocal told
            timer.cancel()
            if not told and answer.status >= 400:
                told = True
                self._errand(found.drop, then=lambda outcome: pass_on(call)(answer))
            else:
                self._errand(found.keep, answer, then=lambda outcome: tell())

        copy = detach(call, answered, lambda: False)
        timer = self._loop.call_later(SETTLE_S, settled)
        self._road.accept(copy)

    def _promise(self, call: Call, address: bytes) -> None:
        if call.route is not None:
            self._road.with_rates(call, call.route, lambda: self._promised(call, address))

    def _promised(self, call: Call, address: bytes) -> None:
        headers = b"Location: %b\r\nPreference-Applied: respond-async\r\nRetry-After: 1\r\n" % address
        headers += call.rate_headers + b"X-Request-Id: " + call.request_id + b"\r\n"
        call.answer(202, headers, b'{"state":"running","result":"%b"}' % address)

    def fetch(self, call: Call) -> None:
        """GET of a result, with any key that may use the endpoint."""
        try:
            found = _PLACE.fullmatch(call.path.partition(b"?")[0])
            directory = self._road.directory
            if found is None:
                raise Refused("yours:not-found")
            if call.method != b"GET":
                raise Refused("yours:method-not-allowed", "Use GET.")
            if directory is None:
                raise Refused("ours:starting", retry_after_s=1)
            entry = directory.authenticate(call.headers.get(b"authorization", b""))
            route = directory.route(entry, found[1].decode())
        except Refused as refusal:
            self._road.refuse(call, refusal)
            return
        call.route, call.rate_headers = route, route.policy_header
        place = _place(route.endpoint.id, found[2].decode())
        self._errand(self._store.look, place, then=lambda told: self._looked(call, told))

    def _looked(self, call: Call, told: Any) -> None:
        if isinstance(told, Answer) and call.route is not None:
            self._road.with_rates(call, call.route, lambda: _give_kept(call, told))
        elif told is None:
            self._promise(call, call.path.partition(b"?")[0])
        elif isinstance(told, Refused):
            self._road.refuse(call, told)
        else:
            log.error("a result cannot be read: %s", told)
            self._road.refuse(call, Refused("ours:internal"))


def _place(endpoint: str, token: str) -> str:
    return f"result:{endpoint}:{token}"


def _give_kept(call: Call, answer: Answer) -> None:
    call.answer(answer.status, headers_of_kept(call, answer), answer.body, answer.content_type)
