"""Train on a file or a data set version; with --deploy, make the result answer."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from modelyard_client.answers import Run
from modelyard_client.client import Client
from modelyard_client.commands.connect import client_of
from modelyard_client.commands.deploy import deployed
from modelyard_client.commands.screen import Screen, figures, money
from modelyard_client.commands.upload import add_reading, json_object, uploaded


def add(parser: ArgumentParser) -> None:
    parser.add_argument("file", help="a file to upload, or a ready data set version (dsv_…)")
    add_reading(parser)
    parser.add_argument("--budget", type=int, default=60, metavar="SECONDS", help="training time (default 60)")
    parser.add_argument("--max-cost-micros", type=int, help="at most this; the budget's price, if left out")
    parser.add_argument("--pool", help="hardware (default cpu)")
    parser.add_argument("--families", type=lambda text: text.split(","), help="only these, like lightgbm,linear")
    parser.add_argument("--run-options", type=json_object, help="what only this task knows", metavar="JSON")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--run-name", default=None)
    parser.add_argument("--no-wait", action="store_true", help="return when the run is queued")
    parser.add_argument("--deploy", default="", metavar="NAME", help="endpoint that shall answer with the result")
    parser.add_argument("--force", action="store_true", help="deploy even if the evidence does not pass the gate")


def run(asked: Namespace, screen: Screen) -> None:
    with client_of(asked) as client:
        version = asked.file if _is_version(asked.file) else uploaded(client, asked, screen).id
        run = _started(client, asked, version)
        screen.note(f"{run.id}: {run.budget_seconds} s, at most {money(run.max_cost_micros, run.currency)}")
        if asked.no_wait:
            screen.show({"run": run.raw, "endpoint": None}, f"{run.id}: {run.state}")
            return
        with screen.bar("waiting") as bar:
            run = client.runs.wait(run.id, progress=bar.run_seen)
        endpoint: dict[str, Any] | None = None
        words = f"{run.model_version}: {figures(run.metrics)} for {money(run.cost_micros, run.currency)}"
        if asked.deploy and run.model_version:
            made = deployed(client, asked.deploy, run.model_version, force=asked.force)
            endpoint, words = made.raw, f"{words}\n{made.name} answers at {made.url}"
        screen.show({"run": run.raw, "endpoint": endpoint}, words)


def _started(client: Client, asked: Namespace, version: str) -> Run:
    return client.runs.start(
        version,
        budget_seconds=asked.budget,
        target=asked.target,
        task=asked.task,
        max_cost_micros=asked.max_cost_micros,
        pool=asked.pool,
        families=asked.families,
        options=asked.run_options,
        seed=asked.seed,
        name=asked.run_name,
    )


def _is_version(text: str) -> bool:
    return text.startswith("dsv_") and not Path(text).exists()
