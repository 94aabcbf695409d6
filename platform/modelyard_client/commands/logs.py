"""Print the log of a run; with --follow, until it is over."""

import json
from argparse import ArgumentParser, Namespace

from modelyard_client.commands.connect import client_of
from modelyard_client.commands.screen import Screen


def add(parser: ArgumentParser) -> None:
    parser.add_argument("run_id")
    parser.add_argument("--follow", "-f", action="store_true")
    parser.epilog = "With --json, one JSON object per line."


def run(asked: Namespace, screen: Screen) -> None:
    with client_of(asked) as client:
        lines = client.runs.follow_logs(asked.run_id) if asked.follow else client.runs.logs(asked.run_id)
        for line in lines:
            screen.line(json.dumps(line.raw) if screen.as_json else f"{line.at:%H:%M:%S} {line.text}")
