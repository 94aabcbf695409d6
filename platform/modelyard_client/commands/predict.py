"""Ask an endpoint with rows, texts or images."""

import csv
import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from modelyard_client.answers import Predictions
from modelyard_client.client import Client
from modelyard_client.commands.connect import client_of
from modelyard_client.commands.screen import Screen
from modelyard_client.commands.upload import json_object
from modelyard_client.errors import Invalid


def add(parser: ArgumentParser) -> None:
    parser.add_argument("endpoint")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--row", type=json_object, action="append", metavar="JSON", help="a row; may be repeated")
    asked.add_argument("--rows", metavar="FILE", help=".csv, .json (a list) or .jsonl; - is JSON lines from stdin")
    asked.add_argument("--text", help="for a model that reads one text")
    asked.add_argument("--image", action="append", metavar="FILE", help="may be repeated")


def run(asked: Namespace, screen: Screen) -> None:
    with client_of(asked) as client:
        answer = _asked(client, asked)
    if screen.as_json:
        screen.show(answer.raw)
        return
    rows = [(place, *_words(one)) for place, one in enumerate(answer.predictions)]
    screen.table([], ("#", "answer", "more"), rows)
    screen.note(f"{answer.latency_ms:.1f} ms · {answer.usage.units} units · {answer.usage.amount_micros} micros")


def _asked(client: Client, asked: Namespace) -> Predictions:
    if asked.text is not None:
        return client.predict.text(asked.endpoint, asked.text)
    if asked.image:
        return client.predict.images(asked.endpoint, asked.image)
    return client.predict(asked.endpoint, asked.row or rows_in(asked.rows))


def rows_in(name: str) -> list[dict[str, Any]]:
    """Rows of a file. In CSV, empty cells are left out and numbers are read as numbers."""
    path = Path(name)
    try:
        if name == "-":
            return [json.loads(line) for line in sys.stdin if line.strip()]
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8-sig") as file:
                return [{k: _cell(v) for k, v in row.items() if k and v} for row in csv.DictReader(file)]
        text = path.read_text(encoding="utf-8")
        rows = [json.loads(line) for line in text.splitlines() if line.strip()] if path.suffix == ".jsonl" else None
        return rows if rows is not None else list(json.loads(text))
    except ValueError as error:
        raise Invalid("client:rows", f"{name} cannot be read: {error}", fix="Give .csv, .json or .jsonl.") from error


def _cell(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and "." not in text else number


def _words(prediction: dict[str, Any]) -> tuple[str, str]:
    """The answer, and what else it says in short."""
    first = next((name for name in ("label", "value", "items") if name in prediction), next(iter(prediction), ""))
    shares = prediction.get("probabilities")
    more = ""
    if isinstance(shares, dict):
        best = sorted(shares.items(), key=lambda one: -one[1])[:3]
        more = ", ".join(f"{label} {share:.3f}" for label, share in best)
    answer = prediction.get(first, "")
    return (answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)), more
