"""Everything a serve process is told by its environment, read once and refused when it makes no sense."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingsError(ValueError):
    """A variable is missing or cannot be understood; the message names it."""


@dataclass(frozen=True)
class Settings:
    control_url: str
    node_token: str
    redis_url: str  # empty: rate limits are kept by this node alone
    host: str
    port: int
    data: Path  # journal, last good config, model packages
    grpc_port: int = 0  # Open Inference Protocol over gRPC on the same host; 0: that door stays shut
    processes: int = 1  # share the port with SO_REUSEPORT
    slot: int = 0  # which of the processes this is; each has a journal of its own
    drain_s: float = 2.0  # after SIGTERM: answers say `Connection: close` for this long before the port closes
    deadline_s: float = 10.0  # a request that waited longer is dropped, not run
    scale_up_s: float = 2.0  # a request for a model that is not loaded yet waits so long before it is refused
    receive_s: float = 30.0  # header and body must have arrived by then
    idle_s: float = 75.0  # a silent keep-alive connection is closed
    max_header_bytes: int = 32 * 1024
    max_body_bytes: int = 32 * 1024 * 1024
    max_rows: int = 10_000
    max_in_flight: int = 4096  # requests of this process; more are shed with 503
    max_connections: int = 8192
    max_queued_ms: float = 1000.0  # predicted work waiting for one model
    model_memory_bytes: int = 4 * 1024**3
    threads: int = 2  # of one process, for heavy models and images
    counts_s: float = 5.0  # how often control is told what was counted; a minute is a multiple of it
    metrics_deployments: int = 100  # /metrics tells of so many deployments apart; 0: of none
    listen_fd: int = -1  # the supervisor's listening socket
    ready_fd: int = -1  # where to tell the supervisor that this process listens
    trace_share: float = 0.0  # of requests without a traceparent; traces need OTEL_EXPORTER_OTLP_ENDPOINT
    is_traced: bool = False
    journal_sync: bool = True  # False only to measure what fdatasync costs; answers are then not crash-proof


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Build Settings from the environment. Raises SettingsError naming the variable."""
    data = Path(environment.get("SERVE_DATA") or "var/serve")
    processes = _whole(environment, "SERVE_PROCESSES", 1, 1, 256)
    # More runs at a time than cores make each of them dearer: their weights push one another out of the caches.
    share_of_cores = max(1, len(os.sched_getaffinity(0)) // processes)
    return Settings(
        control_url=_needed(environment, "CONTROL_URL").rstrip("/"),
        node_token=_secret(environment, "NODE_TOKEN"),
        redis_url=environment.get("REDIS_URL", ""),
        host=environment.get("SERVE_HOST") or "127.0.0.1",
        port=_whole(environment, "SERVE_PORT", 8100, 0, 65535),
        data=data,
        grpc_port=_whole(environment, "SERVE_GRPC_PORT", 0, 0, 65535),
        processes=processes,
        slot=_whole(environment, "SERVE_SLOT", 0, 0, 255),
        drain_s=_whole(environment, "SERVE_DRAIN_MS", 2000, 0, 600_000) / 1000,
        deadline_s=_whole(environment, "SERVE_DEADLINE_MS", 10_000, 10, 600_000) / 1000,
        scale_up_s=_whole(environment, "SERVE_SCALE_UP_MS", 2000, 0, 60_000) / 1000,
        max_body_bytes=_whole(environment, "SERVE_MAX_BODY_BYTES", 32 * 1024 * 1024, 1024, 2**31),
        max_rows=_whole(environment, "SERVE_MAX_ROWS", 10_000, 1, 1_000_000),
        max_in_flight=_whole(environment, "SERVE_MAX_IN_FLIGHT", 4096, 1, 1_000_000),
        max_queued_ms=float(_whole(environment, "SERVE_MAX_QUEUED_MS", 1000, 1, 600_000)),
        model_memory_bytes=_whole(environment, "SERVE_MODEL_MEMORY_BYTES", 4 * 1024**3, 1, 2**50),
        threads=_whole(environment, "SERVE_THREADS", share_of_cores, 1, 256),
        counts_s=_whole(environment, "SERVE_COUNTS_MS", 5000, 100, 60_000) / 1000,
        metrics_deployments=_whole(environment, "SERVE_METRICS_DEPLOYMENTS", 100, 0, 10_000),
        listen_fd=_whole(environment, "SERVE_LISTEN_FD", -1, 0, 65535),
        ready_fd=_whole(environment, "SERVE_READY_FD", -1, 0, 65535),
        trace_share=_share(environment, "OTEL_TRACES_SAMPLER_ARG", 0.01),
        is_traced=bool(
            environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        ),
        journal_sync=_flag(environment, "SERVE_JOURNAL_SYNC", True),
    )


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _secret(environment: Mapping[str, str], name: str) -> str:
    """Read NAME, or the file that NAME_FILE points at."""
    path = environment.get(f"{name}_FILE", "")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise SettingsError(f"{name}_FILE cannot be read: {error}") from error
    return _needed(environment, name)


def _whole(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise SettingsError(f"{name} must be a whole number, not {text!r}") from None
    if not least <= value <= most:
        raise SettingsError(f"{name} must lie between {least} and {most}, not {value}")
    return value


def _share(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise SettingsError(f"{name} must be a number from 0 to 1, not {text!r}")
    return value


def _flag(environment: Mapping[str, str], name: str, default: bool) -> bool:
    text = environment.get(name, "").lower()
    if not text:
        return default
    if text not in ("true", "false", "1", "0"):
        raise SettingsError(f"{name} must be true or false, not {text!r}")
    return text in ("true", "1")
