"""Tell why an endpoint answers as it does: shares of columns or words, heat of an image."""

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from modelyard_client.answers import Explanation, Explanations
from modelyard_client.client import Client
from modelyard_client.commands.connect import client_of
from modelyard_client.commands.predict import rows_in
from modelyard_client.commands.screen import Screen
from modelyard_client.commands.upload import json_object


def add(parser: ArgumentParser) -> None:
    parser.add_argument("endpoint")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--row", type=json_object, action="append", metavar="JSON", help="a row; may be repeated")
    asked.add_argument("--rows", metavar="FILE", help=".csv, .json (a list) or .jsonl, at most 10 rows")
    asked.add_argument("--text", help="for a model that reads one text")
    asked.add_argument("--image", metavar="FILE")
    parser.add_argument("--label", help="explain this class, not the answered one")
    parser.add_argument("--most-rows", type=int, metavar="N", help="runs of the model per row, each priced as one")
    parser.add_argument("--seed", type=int)


def run(asked: Namespace, screen: Screen) -> None:
    with client_of(asked) as client:
        answer = _asked(client, asked)
    if screen.as_json:
        screen.show(answer.raw)
        return
    for place, one in enumerate(answer.explanations):
        label = f" of {one.label}" if one.label is not None else ""
        screen.note(f"#{place}: {one.quantity}{label} {one.answer:.4g}, from {one.baseline:.4g}; {one.rows} runs")
        screen.table([], _heads(one), _lines(one))
    screen.note(f"{answer.latency_ms:.1f} ms · {answer.usage.units} units · {answer.usage.amount_micros} micros")


def _asked(client: Client, asked: Namespace) -> Explanations:
    drawn: dict[str, Any] = {"label": asked.label, "most_rows": asked.most_rows, "seed": asked.seed}
    if asked.text is not None:
        return client.explain.text(asked.endpoint, asked.text, **drawn)
    if asked.image:
        return client.explain.image(asked.endpoint, asked.image, label=asked.label)
    return client.explain(asked.endpoint, asked.row or rows_in(asked.rows), **drawn)


def _heads(one: Explanation) -> tuple[str, ...]:
    if one.heat:
        return ("cells from the top", *(str(place) for place in range(1, len(one.heat[0]) + 1)))
    return ("word", "share") if one.words else ("column", "value", "share")


def _lines(one: Explanation) -> list[tuple[Any, ...]]:
    if one.heat:
        return [(place, *(f"{cell:+.3f}" for cell in row)) for place, row in enumerate(one.heat, 1)]
    if one.words:
        return [(word["text"], f"{word['attribution']:+.4g}") for word in one.words]
    return [
        (part["column"], json.dumps(part["value"], ensure_ascii=False), f"{part['attribution']:+.4g}")
        for part in one.columns
    ]
