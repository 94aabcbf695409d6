"""List runs; show or cancel one."""

from argparse import ArgumentParser, Namespace
from itertools import islice

from modelyard_client.commands.connect import client_of
from modelyard_client.commands.screen import Screen, figures, money


def add(parser: ArgumentParser) -> None:
    parser.add_argument("run_id", nargs="?", help="show this one")
    parser.add_argument("--cancel", action="store_true", help="cancel it")
    parser.add_argument("--state", default="", help="only runs in this state")
    parser.add_argument("--limit", type=int, default=20)


def run(asked: Namespace, screen: Screen) -> None:
    with client_of(asked) as client:
        if asked.run_id:
            seen = client.runs.cancel(asked.run_id) if asked.cancel else client.runs.get(asked.run_id)
            board = "\n".join(f"  {one.family}: {one.state} {figures(one.metrics)}" for one in seen.candidates)
            fault = f"\n{seen.error.code}: {seen.error.detail}" if seen.error else ""
            words = f"{seen.id}: {seen.state}, {money(seen.cost_micros, seen.currency)}, {figures(seen.metrics)}"
            screen.show(seen.raw, f"{words}{fault}\n{board}".rstrip())
            return
        found = list(islice(client.runs.list(state=asked.state), asked.limit))
    rows = [
        (
            one.id,
            one.state,
            one.task,
            figures(dict(list(one.metrics.items())[:2])),
            money(one.cost_micros, one.currency),
        )
        for one in found
    ]
    screen.table([one.raw for one in found], ("run", "state", "task", "metrics", "cost"), rows)
