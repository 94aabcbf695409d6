"""Follows the published configuration: pull, keep on disk, apply at once; models load beside the old ones first."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import orjson

from contracts.serving import PublishedDeployment, PublishedEndpoint, ServingConfig
from contracts.wire import WireError, from_wire
from workers.serve.control import Control, ControlAway, ControlRefused
from workers.serve.directory import Directory, EndpointState, Live, Registry
from workers.serve.protocol import KEPT_HEADERS
from workers.serve.sessions import Sessions

log = logging.getLogger(__name__)

PULL_S = 2.0
RETRY_FAILED_S = 15.0


class Follower:
    def __init__(
        self,
        control: Control,
        sessions: Sessions,
        registry: Registry,
        executor: Executor,
        path: Path,
        publish: Callable[[Directory], None],
        report: Callable[[], Awaitable[None]],
    ) -> None:
        self.hint = asyncio.Event()  # set by the Redis hint: pull now
        self.directory: Directory | None = None
        self.reachable = False
        self._control = control
        self._sessions = sessions
        self._registry = registry
        self._executor = executor
        self._path = path
        self._publish = publish
        self._report = report
        self._errors: dict[str, tuple[str, float]] = {}  # sha256 -> why it does not load, when it was tried
        self._loading: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def follow(self) -> None:
        await self._start_from_disk()
        while True:
            try:
                await self.pull()
                self._load_missing()
            except Exception:  # a configuration that cannot be applied must not stop the next one
                log.exception("configuration cannot be applied")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.hint.wait(), PULL_S)
            self.hint.clear()

    async def pull(self) -> None:
        """Ask for something newer. Control away changes nothing: the last good configuration stays."""
        after = self.directory.revision if self.directory and self.reachable else 0
        loop = asyncio.get_running_loop()
        try:
            config = await loop.run_in_executor(self._executor, self._pull_in_thread, after)
        except (ControlAway, ControlRefused, WireError, OSError, ValueError) as error:
            log.warning("configuration cannot be pulled: %s", error)
            self.reachable = False
            return
        self.reachable = True
        if config is not None and (self.directory is None or config != self.directory.config):
            self.apply(config)

    def _pull_in_thread(self, after: int) -> ServingConfig | None:
        payload = self._control.config(after)
        if payload is None:
            return None
        config = from_wire(ServingConfig, orjson.loads(payload))
        _write_private(self._path, payload)
        return config

    async def _start_from_disk(self) -> None:
        try:
            self.apply(from_wire(ServingConfig, orjson.loads(self._path.read_bytes())))
            log.info("starting with the configuration kept on disk")
        except FileNotFoundError:
            return
        except (OSError, ValueError, WireError) as error:
            log.warning("the configuration on disk is unreadable: %s", error)

    def apply(self, config: ServingConfig) -> None:
        """Keys, limits and prices change now; traffic moves to new models once they are loaded."""
        gone: frozenset[str] = frozenset()
        if self.directory is not None:
            gone = self.directory.gone_kids | self.directory.kids
        directory = Directory(config, self._registry, gone)
        self.directory = directory
        named = {endpoint.id for endpoint in config.endpoints}
        KEPT_HEADERS.update(endpoint.sticky.encode() for endpoint in config.endpoints if endpoint.sticky)
        for endpoint_id in [one for one in self._registry.endpoints if one not in named]:
            del self._registry.endpoints[endpoint_id]
        self._settle_all()
        self._publish(directory)
        log.info("configuration %d: %d endpoints, %d keys", config.revision, len(config.endpoints), len(config.keys))
        self._load_missing()
        self._spawn(self._report())

    # models

    def _wanted(self) -> set[str]:
        if self.directory is None:
            return set()
        return {one.model_sha256 for endpoint in self.directory.endpoints() for one in endpoint.deployments}

    def _load_missing(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for endpoint in self.directory.endpoints() if self.directory else []:
            state = self._registry.endpoint(endpoint.id)
            self._drop_evicted(endpoint, state)
            for deployment in endpoint.deployments:
                sha256 = deployment.model_sha256
                failed = self._errors.get(sha256)
                if sha256 in self._loading or self._sessions.get(sha256) is not None:
                    continue
                if failed is not None and now_s - failed[1] < RETRY_FAILED_S:
                    continue
                if state.state == "evicted" and not state.asked_for:
                    continue
                self._loading.add(sha256)
                self._spawn(self._load(sha256))

    def _drop_evicted(self, endpoint: PublishedEndpoint, state: EndpointState) -> None:
        """A model that made room for another answers again after the next request for it has brought it back."""
        if state.live and any(self._sessions.get(one.model.sha256) is None for one in state.live):
            wanted = {one.model_sha256 for one in endpoint.deployments}
            if all(one.model.sha256 in wanted for one in state.live):
                state.live, state.state, state.asked_for = [], "evicted", False

    async def _load(self, sha256: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._executor, self._sessions.load, sha256)
            self._errors.pop(sha256, None)
        except ControlAway as error:
            log.warning("model %s cannot be fetched yet: %s", sha256[:12], error)
        except Exception as error:  # whatever is wrong with a package, the server goes on
            log.exception("model %s cannot be loaded", sha256[:12])
            self._errors[sha256] = (f"{type(error).__name__}: {error}", loop.time())
        finally:
            self._loading.discard(sha256)
        self._settle_all()
        await self._report()

    def _settle_all(self) -> None:
        if self.directory is None:
            return
        for endpoint in self.directory.endpoints():
            self._settle(endpoint, self._registry.endpoint(endpoint.id))
        live = {one.model.sha256 for state in self._registry.endpoints.values() for one in state.live}
        present = {(endpoint.id, one.id) for endpoint in self.directory.endpoints() for one in endpoint.deployments}
        self._registry.histograms.forget(present | {(endpoint_id, "") for endpoint_id, _ in present})
        self._sessions.retain(self._wanted() | live)

    def _settle(self, endpoint: PublishedEndpoint, state: EndpointState) -> None:
        """Switch the pointer when every model that takes traffic is loaded; until then the old ones go on."""
        traffic = [one for one in endpoint.deployments if not one.shadow and one.weight > 0]
        loaded = self._loaded(endpoint, traffic)
        state.shadows = tuple(self._loaded(endpoint, [one for one in endpoint.deployments if one.shadow]))
        state.sticky = endpoint.sticky.encode()
        errors = [self._errors[one.model_sha256][0] for one in traffic if one.model_sha256 in self._errors]
        if not traffic:
            state.live, state.state, state.error = [], "starting", "no deployment takes traffic"
        elif len(loaded) == len(traffic):
            state.live, state.state, state.error = loaded, "ready", ""
        elif errors:
            state.live = state.live or loaded  # better half of the traffic's models than no answer
            state.state, state.error = "failed", errors[0]
        elif state.state != "evicted" or state.asked_for:
            state.state = "starting"

    def _loaded(self, endpoint: PublishedEndpoint, deployments: list[PublishedDeployment]) -> list[Live]:
        tallies = self._registry.histograms
        return [
            Live(model, one.model_version, one.weight, tallies.of(endpoint.id, one.id))
            for one in deployments
            if (model := self._sessions.get(one.model_sha256)) is not None
        ]

    def _spawn(self, job: Any) -> None:
        task = asyncio.ensure_future(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def states(self) -> list[dict[str, Any]]:
        """What `POST /serving/status` tells."""
        endpoints = self.directory.endpoints() if self.directory else []
        return [_status(endpoint, self._registry.endpoint(endpoint.id)) for endpoint in endpoints]


def _status(endpoint: PublishedEndpoint, state: EndpointState) -> dict[str, Any]:
    first = state.live[0].model if state.live else None
    return {
        "id": endpoint.id,
        "state": "ready" if state.state == "evicted" else state.state,
        "error": state.error,
        "model_sha256": first.sha256 if first else "",
        "providers": first.providers if first else [],
        "provider_reason": first.provider_reason if first else "",
    }


def _write_private(path: Path, payload: bytes) -> None:
    """The pepper is inside: readable by this user alone, replaced in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(payload)
    os.replace(scratch, path)
