"""Modelyard as its customers meet it: upload, run, deploy, download the file, all over the public API."""

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.training.contenders import Failed
from benchmarks.training.onnx_answers import Ask, OnnxModel, asks_of, write_predictions
from benchmarks.training.sets import BenchSet
from contracts.jobs import RUN_FINAL_STATES
from contracts.manifests import ModelManifest
from contracts.wire import from_wire
from tests.stack import running_stack

CREDIT_MICROS = 10**12  # more than all runs and predictions cost
CHECKED_ROWS = 100  # asked of the data plane as well
UPLOAD_WITHIN_S = 300.0
DEPLOY_WITHIN_S = 120.0
RUN_PATIENCE = 3.0  # budgets, and a minute for the queue and the export
RUN_PATIENCE_S = 120.0


@contextlib.contextmanager
def running_platform() -> Iterator["Customer"]:
    """The whole platform on this machine in a throw-away folder, and a customer with a key."""
    with running_stack() as stack:
        account = stack.bootstrap(name="Bench", email="bench@example.com", credit_micros=CREDIT_MICROS)
        yield Customer(stack.web_url, stack.serve_url, account.api_key)


class Customer:
    """One key; remembers which sets were uploaded."""

    def __init__(self, web_url: str, serve_url: str, api_key: str) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        self._web = httpx.Client(base_url=f"{web_url}/api/v1", headers=headers, timeout=120)
        self._serve = httpx.Client(base_url=serve_url, headers=headers, timeout=120)
        self._uploaded: dict[str, str] = {}

    def compete(self, bench_set: BenchSet, budget_s: float, seed: int, predictions: Path) -> dict[str, Any]:
        """Train, download, predict the test rows, compare with the data plane. Returns facts; raises Failed."""
        run = self._train(bench_set, budget_s, seed)
        path = f"/model-versions/{run['model_version']}"
        package = self._downloaded(f"{path}/model.onnx")
        manifest = from_wire(ModelManifest, _answer(self._web.get(f"{path}/manifest.json")))
        model = OnnxModel(package, manifest)
        asks = asks_of(bench_set, manifest)
        began_s = time.monotonic()
        tensors = model.tensors(asks)
        predict_s = time.monotonic() - began_s
        write_predictions(bench_set, manifest, tensors, predictions)
        endpoint = self._deploy(f"{bench_set.name.replace('_', '-')}-{budget_s:.0f}-{seed}", run["model_version"])
        return {
            "used_s": run["compute_seconds"],
            "wall_s": _seconds_between(run["started_at"], run["finished_at"]),
            "predict_s": predict_s,
            "latency_ms": model.latency_ms(asks[0]),
            "model_bytes": len(package),
            "versions": manifest.versions,
            "note": _board(run),
            "data_plane": self._compare(endpoint, asks[:CHECKED_ROWS], tensors, manifest),
        }

    def _train(self, bench_set: BenchSet, budget_s: float, seed: int) -> dict[str, Any]:
        wish: dict[str, Any] = {"dataset_version": self._upload(bench_set), "task": bench_set.task, "seed": seed}
        wish |= {"budget_seconds": round(budget_s), "name": f"{bench_set.name} {budget_s:.0f} s"}
        if bench_set.task == "recommendation":
            wish["target"] = "item_id"
        elif bench_set.task != "image_classification":
            wish["target"] = bench_set.target
        if bench_set.task == "forecasting":
            wish["options"] = {"horizon": bench_set.horizon, "season": bench_set.season}
        run = _answer(self._web.post("/runs", json=wish))
        run = self._wait(f"/runs/{run['id']}", RUN_FINAL_STATES, RUN_PATIENCE * budget_s + RUN_PATIENCE_S)
        if run["state"] != "succeeded":
            raise Failed(f"the run {run['state']}: {json.dumps(run['error'])}")
        return run

    def _upload(self, bench_set: BenchSet) -> str:
        if bench_set.name not in self._uploaded:
            dataset = _answer(self._web.post("/datasets", json={"name": bench_set.name, "task": bench_set.task}))
            path = f"/datasets/{dataset['id']}/versions"
            with bench_set.train_file.open("rb") as stream:
                version = _answer(self._web.post(path, files={"file": (bench_set.train_file.name, stream)}))
            version = self._wait(f"{path}/{version['id']}", ("ready", "refused"), UPLOAD_WITHIN_S)
            if version["state"] != "ready":
                raise Failed(f"the upload was refused: {version['issues']}")
            self._uploaded[bench_set.name] = version["id"]
        return self._uploaded[bench_set.name]

    def _deploy(self, name: str, model_version: str) -> str:
        endpoint = _answer(self._web.post("/endpoints", json={"name": name, "model_version": model_version}))
        ready = self._wait(f"/endpoints/{endpoint['id']}", ("ready", "failed"), DEPLOY_WITHIN_S)
        if ready["state"] != "ready":
            raise Failed("the endpoint failed")
        return name

    def _compare(
        self, endpoint: str, asks: list[Ask], tensors: dict[str, Any], manifest: ModelManifest
    ) -> dict[str, float]:
        """How far the data plane's answers are from those of the downloaded file on the same rows."""
        differing, furthest = 0, 0.0
        for number, told in enumerate(self._predictions(endpoint, asks)):
            names, values = _flat(told, manifest)
            own_names, own_values = _own(tensors, number, manifest)
            differing += names != own_names
            both = zip(values, own_values, strict=True)
            furthest = max([furthest, *(abs(a - b) / max(abs(b), 1) for a, b in both)])
        return {"rows": len(asks), "differing_names": differing, "furthest": furthest}

    def _predictions(self, endpoint: str, asks: list[Ask]) -> list[dict[str, Any]]:
        if isinstance(asks[0], bytes):
            kinds = [("image/png" if ask[:4] == b"\x89PNG" else "image/jpeg") for ask in asks]
            bodies = [
                {"content": ask, "headers": {"Content-Type": kind}} for ask, kind in zip(asks, kinds, strict=True)
            ]
        else:
            bodies = [{"json": {"rows": asks}}]
        return [one for body in bodies for one in self._ask_patiently(endpoint, body)["predictions"]]

    def _ask_patiently(self, endpoint: str, body: dict[str, Any]) -> Any:
        """A freshly published endpoint may need a moment to reach the data plane."""
        end_s = time.monotonic() + DEPLOY_WITHIN_S
        while True:
            response = self._serve.post(f"/v1/predict/{endpoint}", **body)
            if response.status_code not in (401, 402, 404, 429, 503) or time.monotonic() > end_s:
                return _answer(response)
            time.sleep(0.5)

    def _wait(self, path: str, states: tuple[str, ...], within_s: float) -> dict[str, Any]:
        end_s = time.monotonic() + within_s
        while True:
            seen: dict[str, Any] = _answer(self._web.get(path))
            if seen["state"] in states:
                return seen
            if time.monotonic() > end_s:
                raise Failed(f"{path} is {seen['state']} after {within_s:.0f} s")
            time.sleep(1)

    def _downloaded(self, path: str) -> bytes:
        response = self._web.get(path, follow_redirects=True)
        if not response.is_success:
            raise _failed(response)
        return response.content


def _flat(told: dict[str, Any], manifest: ModelManifest) -> tuple[list[str], list[float]]:
    """Names and numbers of one JSON prediction."""
    if "label" in told:
        return [str(told["label"])], [told["probabilities"][name] for name in manifest.meaning.classes]
    if "items" in told:
        return [str(one["item"]) for one in told["items"]], [one["score"] for one in told["items"]]
    if "forecast" in told:
        return [], [one["value"] for one in told["forecast"]]
    return [], [told["value"]]


def _own(tensors: dict[str, Any], row: int, manifest: ModelManifest) -> tuple[list[str], list[float]]:
    """The same of the downloaded file."""
    meaning = manifest.meaning
    if meaning.kind == "classification":
        return [str(np.ravel(tensors[meaning.label_tensor])[row])], tensors[meaning.probabilities_tensor][row].tolist()
    if meaning.kind == "ranking":
        items, scores = tensors[meaning.items_tensor][row], tensors[meaning.scores_tensor][row]
        kept = [(str(item), float(score)) for item, score in zip(items, scores, strict=True) if item]
        return [item for item, _ in kept], [score for _, score in kept]
    values = np.ravel(tensors[meaning.value_tensor][row])
    return [], values[np.isfinite(values)].tolist()


def _board(run: dict[str, Any]) -> str:
    done = [f"{one['family']}{'*' if one['is_best'] else ''}" for one in run["candidates"] if one["state"] == "done"]
    return f"candidates {', '.join(done)}"


def _seconds_between(first: str, last: str) -> float:
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()


def _answer(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    raise _failed(response)


def _failed(response: httpx.Response) -> Failed:
    asked = f"{response.request.method} {response.request.url}"
    return Failed(f"{asked} answered {response.status_code}: {response.text[:500]}")
