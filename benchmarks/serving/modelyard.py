"""Modelyard's own data plane as a contender, with everything on or with what can be switched off switched off."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.asks import Ask, make_ask
from benchmarks.serving.contenders import READY_WITHIN_S, CannotStart, Running
from benchmarks.serving.models import BenchModel
from contracts.serving import RatePolicy
from tests.workers.serve.conftest import OwnRedis
from tests.workers.serve.serving import Serving
from tests.workers.serve.small_control import SmallControl

PLENTY = 10**15
GENEROUS = 10**8  # no request of the benchmark is refused, but each is counted


class QuietControl(SmallControl):
    """Adds usage up instead of keeping every record, so that a long run costs no memory."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = 0

    def absorb(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            self.counted += len(body["records"])
            for record in body["records"]:
                for lease_id in record["leases"].values():
                    self.leases[lease_id]["spent"] += record["amount_micros"]
        return 200, {"cursor": body["offset_to"], "duplicates": []}


@dataclass(frozen=True)
class Arrangement:
    """How the data plane runs. Without `charged` there is no price, so no lease is spent."""

    name: str
    processes: int = 0  # 0: as many as cores
    limited: bool = True  # three rate policies in Valkey
    charged: bool = True  # credit lease
    synced: bool = True  # fdatasync before the answer
    dialect: str = "rows"

    @property
    def everything(self) -> str:
        parts = ["key"]
        parts += ["three limits"] if self.limited else []
        parts += ["lease"] if self.charged else []
        return ", ".join([*parts, "journal with fdatasync" if self.synced else "journal without fdatasync"])


EVERYTHING = "Modelyard, everything on"
# One process, because on two cores the load generator needs the other; processes that share cores and a disk only make
# one another's batches small. Heavy models have a process per core.
TABLE_LIST = [
    Arrangement(EVERYTHING, processes=1),
    Arrangement("Modelyard, everything on, process per core"),
    Arrangement("Modelyard, everything on, OIP JSON", processes=1, dialect="oip"),
    Arrangement("Modelyard, without fdatasync", processes=1, synced=False),
    Arrangement("Modelyard, all off", processes=1, limited=False, charged=False, synced=False),
]
HEAVY_LIST = [Arrangement(EVERYTHING), Arrangement("Modelyard, all off", limited=False, charged=False, synced=False)]


def arrangements(task: str) -> list[Arrangement]:
    if task in ("table", "wide"):
        return TABLE_LIST
    if task == "image":  # raw tensors go over the Open Inference Protocol
        return [Arrangement(one.name, one.processes, one.limited, one.charged, one.synced, "oip") for one in HEAVY_LIST]
    return HEAVY_LIST


@contextlib.contextmanager
def running_modelyard(
    arrangement: Arrangement, model: BenchModel, task: str, label: str, folder: Path
) -> Iterator[Running]:
    """Server, Valkey and a small control for the time of the block. Raises CannotStart."""
    folder.mkdir(parents=True)
    policies = [RatePolicy("generous", GENEROUS, 60)] if arrangement.limited else []
    control = QuietControl()
    organisation = control.organisation(balance=PLENTY, policies=policies)
    key = control.key(organisation, policies=policies)
    price = 100 if arrangement.charged else 0
    control.endpoint(organisation, "net", model.package, price=price, policies=policies)
    control.publish()
    redis = OwnRedis(folder) if arrangement.limited else None
    server = None
    try:
        server = Serving(
            control,
            folder / "data",
            redis.url if redis else "",
            SERVE_PROCESSES=str(arrangement.processes or os.cpu_count() or 1),
            SERVE_JOURNAL_SYNC="true" if arrangement.synced else "false",
        )
        yield _found(arrangement, task, label, server, key, redis)
        server.stop()
    except AssertionError as error:
        raise CannotStart(f"{arrangement.name}: {error}") from error
    finally:
        if server and server.process.poll() is None:
            server.kill()
        if redis:
            redis.kill()
        control.close()


def _found(
    arrangement: Arrangement, task: str, label: str, server: Serving, key: str, redis: OwnRedis | None
) -> Running:
    path = "/v1/predict/net" if arrangement.dialect == "rows" else "/v2/models/net/infer"
    plain = make_ask(arrangement.dialect, task, path)
    ask = Ask(plain.path, plain.body, {**plain.headers, "Authorization": f"Bearer {key}"})
    pids = [server.process.pid, *([redis.process.pid] if redis else [])]
    found = Running(arrangement.name, server.port, ask, pids, arrangement.everything)
    wait_patiently(server)
    found.wait_right(label, server.process, server.folder.parent / f"{server.folder.name}.log")
    return found


def wait_patiently(server: Serving) -> None:
    """A large model takes its time on a busy machine: patience several times."""
    end_s = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            server.wait_ready()
            return
        except AssertionError:
            if time.monotonic() > end_s or server.process.poll() is not None:
                raise
