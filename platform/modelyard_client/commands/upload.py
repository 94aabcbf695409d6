"""Upload a file as a data set version, and wait for its checks."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any

from modelyard_client.answers import DatasetVersion
from modelyard_client.client import Client
from modelyard_client.commands.connect import client_of
from modelyard_client.commands.screen import Screen


def add(parser: ArgumentParser) -> None:
    parser.add_argument("file", help="CSV, TSV, JSON lines, Parquet (also .gz), or a ZIP of class folders")
    add_reading(parser)


def add_reading(parser: ArgumentParser) -> None:
    """Arguments that say how a file is to be read."""
    parser.add_argument("--name", default="", help="name of the new data set; the file's, if left out")
    parser.add_argument("--dataset", default="", help="make it the next version of this data set (ds_…)")
    parser.add_argument("--task", default="", help="tabular_classification, …; inferred, if left out")
    parser.add_argument("--target", default="", help="the column to predict; inferred, if left out")
    parser.add_argument(
        "--options", type=json_object, default={}, help='how to read it: {"types": {"zip": "category"}}', metavar="JSON"
    )


def run(asked: Namespace, screen: Screen) -> None:
    with client_of(asked) as client:
        version = uploaded(client, asked, screen)
    screen.show(version.raw, f"{version.id}: {version.rows} rows, ready (data set {version.dataset})")


def uploaded(client: Client, asked: Namespace, screen: Screen) -> DatasetVersion:
    """Return the ready version."""
    options = {name: value for name, value in {"target": asked.target, "task": asked.task}.items() if value}
    with screen.bar(f"uploading {Path(asked.file).name}") as bar:
        version = client.datasets.upload(
            asked.file,
            dataset=asked.dataset,
            name=asked.name,
            task=asked.task,
            options=options | asked.options,
            progress=bar.bytes_done,
        )
    for issue in version.issues:
        screen.note(f"{issue.severity}: {issue.message} {issue.location}".rstrip())
    return version


def json_object(text: str) -> dict[str, Any]:
    """For argparse: an object in JSON."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ArgumentTypeError(f"no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ArgumentTypeError('must be an object like {"name": 1}')
    return value
