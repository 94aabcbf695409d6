"""A customer's steps along the road over HTTP, for journeys and kill tests: upload, train, deploy, predict, usage."""

import csv
import io
import json
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.stack import Account, RunningStack

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
TARGET = "species"


@dataclass
class Road:
    """One organisation's key against a running stack. Every answer that is not 2xx fails the test with its body."""

    stack: RunningStack
    account: Account
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.account.api_key}"}
        self.http = httpx.Client(base_url=f"{self.stack.web_url}/api/v1", headers=headers, timeout=30)

    def get(self, path: str, **params: Any) -> Any:
        return self._checked(self.http.get(path, params=params))

    def post(self, path: str, body: dict[str, Any] | None = None, **more: Any) -> Any:
        return self._checked(
            self.http.post(path, json=body, **more) if body is not None else self.http.post(path, **more)
        )

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        return self._checked(self.http.patch(path, json=body))

    def upload(self, file: Path, *, name: str = "Penguins") -> dict[str, Any]:
        """Return the ready dataset version."""
        dataset = self.post("/datasets", {"name": name})
        with file.open("rb") as stream:
            version = self.post(f"/datasets/{dataset['id']}/versions", files={"file": (file.name, stream)})
        path = f"/datasets/{dataset['id']}/versions/{version['id']}"
        seen = self.until(lambda: self.get(path), lambda v: v["state"] in ("ready", "refused"), 60, "the checks")
        assert seen["state"] == "ready", seen["issues"]
        return seen

    def start_run(self, version: dict[str, Any], *, seconds: int = 30, **more: Any) -> dict[str, Any]:
        """With `families` named, a small file is learned long before the budget ends."""
        body = {"dataset_version": version["id"], "budget_seconds": seconds, "seed": 7} | more
        return self.post("/runs", body)

    def finished(self, run: dict[str, Any], within_s: float = 120) -> dict[str, Any]:
        final = ("succeeded", "failed", "cancelled")
        return self.until(lambda: self.get(f"/runs/{run['id']}"), lambda r: r["state"] in final, within_s, "the run")

    def deploy(self, name: str, model_version: str, **more: Any) -> dict[str, Any]:
        """Return the endpoint once a server answers for it."""
        self.post("/endpoints", {"name": name, "model_version": model_version} | more)
        return self.until(lambda: self.get(f"/endpoints/{name}"), lambda e: e["state"] == "ready", 30, "the endpoint")

    def served(self, version: dict[str, Any], name: str, **wishes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Train on a version and deploy what comes of it; return the run and the endpoint."""
        run = self.finished(self.start_run(version, **wishes))
        assert run["state"] == "succeeded", run["error"]
        return run, self.deploy(name, run["model_version"])

    def batch(
        self, endpoint: str, file: bytes, *, name: str = "ask.csv"
    ) -> tuple[dict[str, Any], list[dict[str, str]]]:
        """Have an endpoint answer a file; return the succeeded batch and the rows of its result."""
        made = self.post("/batches", data={"endpoint": endpoint}, files={"file": (name, file)})
        path, final = f"/batches/{made['id']}", ("succeeded", "failed", "cancelled")
        done = self.until(lambda: self.get(path), lambda seen: seen["state"] in final, 60, "the batch")
        assert done["state"] == "succeeded", done
        result = self.http.get(f"{path}/result")
        assert result.is_success, result.text[:800]
        return done, list(csv.DictReader(io.StringIO(result.text)))

    def predictions(self, endpoint: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What an endpoint that has to answer says to these rows."""
        answer = self.ask(endpoint, rows)
        assert answer.status_code == 200, answer.text
        return answer.json()["predictions"]

    def ask(self, endpoint: str, rows: list[dict[str, Any]], *, key: str = "", **headers: str) -> httpx.Response:
        """One prediction call, whatever it answers."""
        sent = {"Authorization": f"Bearer {key or self.account.api_key}"} | headers
        url = f"{self.stack.serve_url}/v1/predict/{endpoint}"
        return httpx.post(url, json={"rows": rows}, headers=sent, timeout=10)

    def balance(self) -> dict[str, Any]:
        return self.get("/credits")

    def metered(self) -> dict[str, int]:
        """Return units per meter of this month."""
        units: dict[str, int] = {}
        for row in self.get("/usage")["data"]:
            units[row["meter"]] = units.get(row["meter"], 0) + row["units"]
        return units

    def until(self, look: Callable[[], Any], done: Callable[[Any], bool], within_s: float, what: str) -> Any:
        deadline = time.monotonic() + within_s
        while not done(seen := look()):
            assert time.monotonic() < deadline, (
                f"waited {within_s:.0f} s for {what}; last seen: {json.dumps(seen)[:800]}"
            )
            time.sleep(0.2)
        return seen

    def _checked(self, response: httpx.Response) -> Any:
        assert response.is_success, (
            f"{response.request.method} {response.url}: {response.status_code} {response.text[:800]}"
        )
        return response.json() if response.content else None


def penguin_rows() -> tuple[list[dict[str, Any]], list[str]]:
    """The held-out penguins as JSON rows, and their true species."""
    with (EXAMPLES / "penguins" / "test.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    truth = [row.pop(TARGET) for row in table]
    return [{name: _cell(text) for name, text in row.items() if text} for row in table], truth


def few_digits(per_class: int) -> bytes:
    """A ZIP with a few images of each digit, cut from the shipped example."""
    kept: dict[str, int] = {}
    made = io.BytesIO()
    with zipfile.ZipFile(EXAMPLES / "digits" / "train.zip") as source, zipfile.ZipFile(made, "w") as target:
        for entry in source.infolist():
            label = entry.filename.split("/")[0]
            if not entry.is_dir() and kept.get(label, 0) < per_class:
                kept[label] = kept.get(label, 0) + 1
                target.writestr(entry.filename, source.read(entry))
    return made.getvalue()


def _cell(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


class Crowd:
    """Clients that ask one endpoint until told to stop, and remember every answer: the oracle of the kill tests."""

    def __init__(self, road: Road, endpoint: str, row: dict[str, Any], clients: int) -> None:
        self.usage_ids: list[str] = []
        self.statuses: dict[int, int] = {}
        self.cut_off = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._ask = (f"{road.stack.serve_url}/v1/predict/{endpoint}", {"rows": [row]})
        self._headers = {"Authorization": f"Bearer {road.account.api_key}"}
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=20)

    def answered(self) -> int:
        return len(self.usage_ids)

    def _run(self) -> None:
        url, body = self._ask
        while not self._stop.is_set():
            with httpx.Client(headers=self._headers, timeout=5) as client:
                while not self._stop.is_set():
                    try:
                        answer = client.post(url, json=body)
                    except httpx.HTTPError:  # the server was killed under us: no answer, so nothing is promised
                        with self._lock:
                            self.cut_off += 1
                        self._stop.wait(0.05)
                        break
                    self._note(answer)

    def _note(self, answer: httpx.Response) -> None:
        with self._lock:
            self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
            if answer.status_code == 200:
                self.usage_ids.append(answer.headers["Usage-Id"])
        if answer.status_code != 200:
            self._stop.wait(0.02)
