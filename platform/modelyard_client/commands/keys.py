"""List API keys; make or revoke one."""

from argparse import ArgumentParser, Namespace

from modelyard_client.commands.connect import client_of
from modelyard_client.commands.screen import Screen


def add(parser: ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--create", metavar="NAME", help="make a key; it is shown this once")
    what.add_argument("--revoke", metavar="KEY", help="revoke key_…")
    parser.add_argument("--scopes", default="predict", help="for --create: predict,read,write,billing,admin")
    parser.add_argument("--endpoints", help="for --create: only these, comma-separated")
    parser.add_argument("--budget-micros", type=int, help="for --create: a hard monthly budget")


def run(asked: Namespace, screen: Screen) -> None:
    with client_of(asked) as client:
        if asked.create:
            only = asked.endpoints.split(",") if asked.endpoints else None
            made = client.keys.create(
                asked.create, asked.scopes.split(","), endpoints=only, budget_micros=asked.budget_micros
            )
            screen.show(made.raw, f"{made.secret}\n{made.id}; keep the key, it is not shown again")
        elif asked.revoke:
            client.keys.revoke(asked.revoke)
            screen.show({"revoked": asked.revoke}, f"{asked.revoke} is revoked")
        else:
            found = list(client.keys.list())
            rows = [(one.id, one.name, one.state, ",".join(one.scopes), f"…{one.last_four}") for one in found]
            screen.table([one.raw for one in found], ("key", "name", "state", "scopes", "ends with"), rows)
