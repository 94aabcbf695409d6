"""The live stream of one run: server-sent events, one `run` event whenever what is shown has changed.

Each event carries the whole run and the hash of it as its id, so a browser that reconnects with Last-Event-ID misses
nothing and sees nothing twice. Redis only hurries the next look; without it a look every two seconds does.
"""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings

from apps.rest.connections import give_connection_back
from apps.training.models import Run
from apps.training.queries import place_of
from apps.training.representation import shown_run
from contracts.channels import RUN_CHANGED
from contracts.jobs import RUN_FINAL_STATES

log = logging.getLogger(__name__)
LOOK_EVERY_S = 2.0  # queue positions change without a hint
LOOK_LEAST_S = 0.25  # a burst of hints is one look
QUIET_MAX_S = 15.0  # then a comment, so that proxies keep the connection
STREAM_MAX_S = 600.0  # then the browser comes again and shows its credentials anew


async def run_events(organisation_id: str, run_id: str, last_event_id: str) -> AsyncIterator[bytes]:
    """Yield events until the run has ended and been shown so, or the stream has lived its time."""
    started = spoke = time.monotonic()
    seen = last_event_id
    yield b"retry: 2000\n\n"
    async with _Hints(run_id) as hints:
        while time.monotonic() - started < STREAM_MAX_S:
            shown = await sync_to_async(look, thread_sensitive=True)(organisation_id, run_id)
            if shown is None:
                return
            event_id = id_of(shown)
            if event_id != seen:
                yield _event("run", event_id, shown)
                seen, spoke = event_id, time.monotonic()
            if shown["state"] in RUN_FINAL_STATES:
                yield _event("end", event_id, {"state": shown["state"]})
                return
            if time.monotonic() - spoke > QUIET_MAX_S:
                yield b": still here\n\n"
                spoke = time.monotonic()
            await hints.wait(LOOK_EVERY_S)


def look(organisation_id: str, run_id: str) -> dict[str, Any] | None:
    """The run as it is now. The connection goes back to the pool at once: a stream must not keep one."""
    try:
        run = (
            Run.objects.select_related("pool", "organisation", "model_version")
            .prefetch_related("candidates")
            .filter(organisation_id=organisation_id, id=run_id)
            .first()
        )
        return None if run is None else shown_run(run, place_of(run))
    finally:
        give_connection_back()


def id_of(shown: dict[str, Any]) -> str:
    """Hash of what is shown."""
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]


def _event(name: str, event_id: str, content: dict[str, Any]) -> bytes:
    return f"event: {name}\nid: {event_id}\ndata: {json.dumps(content, separators=(',', ':'))}\n\n".encode()


class _Hints:
    """One subscription to a run's channel; when Redis is away, waiting just takes its full time."""

    def __init__(self, run_id: str) -> None:
        self._channel = RUN_CHANGED.format(run=run_id)
        self._client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=0.5)
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)

    async def __aenter__(self) -> "_Hints":
        await self._subscribe()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pubsub.aclose()
        await self._client.aclose()

    async def _subscribe(self) -> None:
        try:
            await self._pubsub.subscribe(self._channel)
        except (redis.RedisError, OSError) as error:
            log.warning("no hints for an event stream: %s", error)

    async def wait(self, timeout_s: float) -> None:
        """Return after a hint (and a short breath for what follows it), or after the time has passed."""
        started = time.monotonic()
        try:
            message = await self._pubsub.get_message(timeout=timeout_s)
        except (redis.RedisError, OSError, RuntimeError):
            message = None
        passed = time.monotonic() - started
        if message is not None:
            await asyncio.sleep(LOOK_LEAST_S)
        elif passed < timeout_s:
            await asyncio.sleep(timeout_s - passed)
