"""One data plane with a control in memory, a Valkey of its own and a crowd: what the kill tests disturb."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from contracts.manifests import ColumnSpec, OutputMeaning, TensorSpec
from contracts.serving import RatePolicy
from tests.chaos.clients import Told
from tests.workers.serve import models
from tests.workers.serve.conftest import OwnRedis
from tests.workers.serve.serving import Serving, serving
from tests.workers.serve.small_control import SmallControl

PRICE = 100
ROW = {"age": 1}


@dataclass
class Plane:
    control: SmallControl
    server: Serving
    redis: OwnRedis
    organisation: Any
    key: str
    balance: int

    def unmetered(self, told: list[Told]) -> int:
        """Answers that are not in the books."""
        return sum(one.usage_id not in self.control.usage for one in told)

    def spent_micros(self) -> int:
        with self.control.lock:
            return sum(record["amount_micros"] for record in self.control.usage.values())

    def money_difference_micros(self) -> int:
        """What was there, less what is free, out on leases, and spent: never anything but nothing."""
        with self.control.lock:
            leases = self.control.leases.values()
            out = sum(lease["granted"] - lease["spent"] for lease in leases if lease["open"])
            return self.balance - (sum(self.control.wallets.values()) + out + self.spent_micros())


@contextlib.contextmanager
def data_plane(folder: Path, package: Any = None, balance: int = 10**11, **environment: str) -> Iterator[Plane]:
    """Ready to answer on the endpoint `churn`, with three rate policies that nobody reaches."""
    control = SmallControl()
    generous = [RatePolicy("generous", 10**8, 60)]
    organisation = control.organisation(balance=balance, policies=generous)
    key = control.key(organisation, policies=generous)
    control.endpoint(organisation, "churn", package or models.classifier(), price=PRICE, policies=generous)
    control.publish()
    redis = OwnRedis(folder)
    try:
        with serving(control, folder / "data", redis.url, **environment) as server:
            server.wait_ready()
            yield Plane(control, server, redis, organisation, key, balance)
    finally:
        redis.kill()
        control.close()


def linear_cost(points: int = 60_000, rounds: int = 8) -> models.Package:
    """value = a number near x, at a cost of some milliseconds per row that batching does not lower."""
    nodes = [helper.make_node("Mul", ["x", "many"], ["s0"])]
    nodes += [helper.make_node("Sin", [f"s{place}"], [f"s{place + 1}"]) for place in range(rounds)]
    nodes += [
        helper.make_node("ReduceMean", [f"s{rounds}"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Add", ["x", "mean"], ["sum"]),
        helper.make_node("Reshape", ["sum", "flat"], ["value"]),
    ]
    constants = [
        numpy_helper.from_array(np.linspace(0, 3, points, dtype=np.float32)[None, :], "many"),
        numpy_helper.from_array(np.array([-1], dtype=np.int64), "flat"),
    ]
    value = helper.make_tensor_value_info("value", TensorProto.FLOAT, [None])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])
    return models._package(
        nodes, [x], [value], constants,
        task="tabular_regression",
        inputs=[TensorSpec("x", "FP32", [-1, 1])],
        outputs=[TensorSpec("value", "FP32", [-1])],
        meaning=OutputMeaning("regression", value_tensor="value"),
        columns=[ColumnSpec("x", "number", tensor="x", required=True)],
    )  # fmt: skip


def skewed_clock(seconds: float) -> dict[str, str]:
    """Environment that shifts a process's clock by libfaketime; empty where that is not installed."""
    places = ("/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib64/faketime")
    for place in places:
        library = os.path.join(place, "libfaketimeMT.so.1")
        if os.path.exists(library):
            return {"LD_PRELOAD": library, "FAKETIME": f"{seconds:+.0f}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return {}
