"""The road, step by step: upload, train, export, deploy. What an earlier demo has done already is kept."""

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apps.console.demo.client import Client, DemoFailed, wait_for
from apps.console.demo.money import money
from apps.console.demo.progress import LiveLine, describe_run
from embedded.data_folder import REPOSITORY

DATA = REPOSITORY / "examples" / "penguins"
DATASET, ENDPOINT, TARGET = "Penguins", "penguins", "species"

Say = Callable[[str], None]


def upload(client: Client, say: Say) -> dict[str, Any]:
    """Return a ready version of the penguins; the same bytes are not uploaded twice."""
    file = DATA / "train.csv"
    dataset = _dataset(client)
    known = [
        version
        for version in client.everything(f"/datasets/{dataset['id']}/versions")
        if version["state"] == "ready" and version.get("name", file.name)
    ]
    if known:
        say(f"upload: {DATASET} is there already ({known[0]['rows']} rows)")
        return {"dataset": dataset, "version": known[0]}
    say(f"upload: {file.name}, {file.stat().st_size:,} bytes, sha256 {_sha256(file)[:12]}…")
    version = client.upload(f"/datasets/{dataset['id']}/versions", file)
    path = f"/datasets/{dataset['id']}/versions/{version['id']}"
    version = wait_for(
        lambda: client.get(path),
        lambda seen: seen["state"] in ("ready", "refused"),
        within_s=90,
        what="checking the upload",
    )
    if version["state"] != "ready":
        raise DemoFailed(f"the upload was refused: {version['issues']}")
    columns = ", ".join(f"{column['name']} ({column['type']})" for column in version["columns"])
    say(f"checked: {version['rows']} rows; {columns}")
    return {"dataset": dataset, "version": version}


def train(client: Client, version: dict[str, Any], budget_s: int, say: Say) -> dict[str, Any]:
    """Return a succeeded run on this version, with live progress when it has to be trained now."""
    done = [
        run
        for run in client.everything("/runs")
        if run["state"] == "succeeded" and run["dataset_version"] == version["id"] and run["model_version"]
    ]
    if done:
        say(f"train: {done[0]['id']} is there already")
        return client.get(f"/runs/{done[0]['id']}")
    body = {"dataset_version": version["id"], "target": TARGET, "budget_seconds": budget_s, "seed": 7}
    run = client.post("/runs", body | {"name": "Demo run"})
    say(f"train: {run['id']} with a budget of {budget_s} s")
    return _follow(client, run["id"], budget_s * 4 + 120, say)


def deploy(client: Client, run: dict[str, Any], say: Say) -> dict[str, Any]:
    """Return the endpoint that answers with the run's model."""
    for endpoint in client.everything("/endpoints"):
        if endpoint["name"] == ENDPOINT:
            say(f"deploy: endpoint {ENDPOINT} is there already")
            break
    else:
        say(f"deploy: endpoint {ENDPOINT} with {run['model_version']}")
        endpoint = client.post("/endpoints", {"name": ENDPOINT, "model_version": run["model_version"]})
    return wait_for(
        lambda: client.get(f"/endpoints/{endpoint['id']}"),
        lambda seen: seen["state"] in ("ready", "failed"),
        within_s=60,
        what="the endpoint",
    )


def labelled_rows() -> tuple[list[dict[str, Any]], list[str]]:
    """The held-out penguins as JSON rows, and what they truly are."""
    with (DATA / "test.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    truth = [row.pop(TARGET) for row in table]
    return [{name: _cell(text) for name, text in row.items() if text != ""} for row in table], truth


def _dataset(client: Client) -> dict[str, Any]:
    for dataset in client.everything("/datasets"):
        if dataset["name"] == DATASET:
            return dataset
    return client.post("/datasets", {"name": DATASET, "task": "tabular_classification"})


def _follow(client: Client, run_id: str, within_s: float, say: Say) -> dict[str, Any]:
    with LiveLine() as line:
        run = wait_for(
            lambda: _show(client, run_id, line),
            lambda seen: seen["state"] in ("succeeded", "failed", "cancelled"),
            within_s=within_s,
            what="training",
        )
    if run["state"] != "succeeded":
        raise DemoFailed(f"the run {run['state']}: {run['error']}")
    for candidate in run["candidates"]:
        say(f"  {candidate['family']:<20} {candidate['state']:<8} {_numbers(candidate.get('metrics'))}")
    say(f"trained: {_numbers(run['metrics'])}; cost {money(run['cost_micros'])}; exported as {run['model_version']}")
    return run


def _show(client: Client, run_id: str, line: LiveLine) -> dict[str, Any]:
    run: dict[str, Any] = client.get(f"/runs/{run_id}")
    line.show(describe_run(run))
    return run


def _numbers(metrics: dict[str, float] | None) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in list((metrics or {}).items())[:4])


def _cell(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
