"""Runs: start a training, follow it live, cancel it, read its log."""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx

from modelyard_client.answers import Estimate, LogLine, Run
from modelyard_client.calls import filled
from modelyard_client.errors import ModelyardError, RateLimited, Refused, ServerFailed, error_of_silence
from modelyard_client.event_stream import Event, events_in
from modelyard_client.shaping import shaped
from modelyard_client.transport import Transport, raise_for
from modelyard_client.waiting import too_long

_SILENCE_S = 40.0  # the stream gives a sign of life every 15 s
_SILENT_TRIES = 5


class Runs:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, state: str = "", dataset_version: str = "") -> Iterator[Run]:
        return self._transport.pages("/runs", Run, state=state, dataset_version=dataset_version)

    def start(
        self,
        dataset_version: str,
        *,
        budget_seconds: int,
        target: str = "",
        task: str = "",
        max_cost_micros: int | None = None,
        pool: str | None = None,
        families: Sequence[str] | None = None,
        options: dict[str, Any] | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> Run:
        """Queue a training. Task and target are inferred when left out; the budget is held at once."""
        body = _wish(dataset_version, budget_seconds, target, task, max_cost_micros, pool, families, options)
        return shaped(Run, self._transport.post("/runs", body | filled(seed=seed, name=name)))

    def estimate(
        self,
        dataset_version: str,
        *,
        budget_seconds: int,
        target: str = "",
        task: str = "",
        max_cost_micros: int | None = None,
        pool: str | None = None,
        families: Sequence[str] | None = None,
        options: dict[str, Any] | None = None,
    ) -> Estimate:
        """What `start` with the same arguments may take and cost."""
        body = _wish(dataset_version, budget_seconds, target, task, max_cost_micros, pool, families, options)
        return shaped(Estimate, self._transport.post("/runs/estimate", body))

    def get(self, run_id: str) -> Run:
        return shaped(Run, self._transport.get(f"/runs/{run_id}"))

    def cancel(self, run_id: str) -> Run:
        return shaped(Run, self._transport.post(f"/runs/{run_id}/cancel"))

    def events(self, run_id: str, *, timeout_s: float | None = None, reconnect_s: float = 2.0) -> Iterator[Run]:
        """Yield the run on every change until it is over. Broken streams are taken up again where they stopped."""
        clock = _Clock(timeout_s)
        last_id, silent = "", 0
        while True:
            try:
                for event in self._stream(run_id, last_id):
                    silent = 0
                    if event.name == "end":
                        return
                    if event.name == "run":
                        last_id = event.id
                        yield shaped(Run, json.loads(event.data))
                    clock.check()
            except (httpx.TransportError, ServerFailed, RateLimited) as error:
                silent += 1
                if silent > _SILENT_TRIES:
                    address = self._transport.address(f"/runs/{run_id}/events")
                    raise error if isinstance(error, ModelyardError) else error_of_silence(error, address) from error
            clock.check()
            if (now := self.get(run_id)).is_over:
                yield now
                return
            time.sleep(reconnect_s)

    def wait(
        self, run_id: str, *, timeout_s: float = 24 * 3600.0, progress: Callable[[Run], None] | None = None
    ) -> Run:
        """Return the run once it succeeded; raise Refused when it failed or was cancelled, WaitedTooLong after a while.

        `progress` is told the run on every change.
        """
        for seen in self.events(run_id, timeout_s=timeout_s):
            if progress is not None:
                progress(seen)
        run = self.get(run_id)
        if run.state != "succeeded":
            raise _failure(run)
        return run

    def logs(self, run_id: str, *, after: int = 0) -> Iterator[LogLine]:
        """Yield the lines written so far, after the line with the id `after`."""
        has_more = True
        while has_more:
            page = self._transport.get(f"/runs/{run_id}/logs", after=after, limit=1000)
            yield from (shaped(LogLine, line) for line in page["data"])
            after, has_more = page["next_cursor"], page["has_more"]

    def follow_logs(self, run_id: str, *, every_s: float = 1.0) -> Iterator[LogLine]:
        """Yield the log as it is written, until the run is over."""
        after, is_over = 0, False
        while not is_over:
            is_over = self.get(run_id).is_over  # looked at before the log, so that its last lines are not missed
            for line in self.logs(run_id, after=after):
                after = line.id
                yield line
            if not is_over:
                time.sleep(every_s)

    def _stream(self, run_id: str, last_id: str) -> Iterator[Event]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        address = self._transport.address(f"/runs/{run_id}/events")
        timeout = httpx.Timeout(_SILENCE_S)
        with self._transport.http.stream("GET", address, headers=headers, timeout=timeout) as response:
            raise_for(response)
            if response.status_code != 204:
                yield from events_in(response.iter_lines())


class _Clock:
    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s

    def check(self) -> None:
        """Raise WaitedTooLong once the time is over."""
        if time.monotonic() > self._deadline:
            raise too_long("the run", self._timeout_s or 0)


def _wish(
    dataset_version: str,
    budget_seconds: int,
    target: str,
    task: str,
    max_cost_micros: int | None,
    pool: str | None,
    families: Sequence[str] | None,
    options: dict[str, Any] | None,
) -> dict[str, Any]:
    return filled(
        dataset_version=dataset_version,
        budget_seconds=budget_seconds,
        target=target,
        task=task,
        max_cost_micros=max_cost_micros,
        pool=pool,
        families=None if families is None else [*families],
        options=options,
    )


def _failure(run: Run) -> Refused:
    if run.error is None:
        return Refused(f"run:{run.state}", f"The run {run.id} was {run.state}.")
    return Refused(run.error.code, run.error.detail, title=run.error.title, fix=run.error.fix)
