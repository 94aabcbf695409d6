"""List endpoints; show, roll back or delete one."""

from argparse import ArgumentParser, Namespace
from typing import Any

from modelyard_client.commands.connect import client_of
from modelyard_client.commands.screen import Screen, money


def add(parser: ArgumentParser) -> None:
    parser.add_argument("endpoint", nargs="?", help="show this one (id or name)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--analytics", action="store_true", help="requests, times and cost of the last hour")
    what.add_argument("--rollback", action="store_true", help="deploy again what served before")
    what.add_argument("--delete", action="store_true")


def run(asked: Namespace, screen: Screen) -> None:
    with client_of(asked) as client:
        if not asked.endpoint:
            found = list(client.endpoints.list())
            rows = [(one.name, one.state, _versions(one.raw), one.url) for one in found]
            screen.table([one.raw for one in found], ("endpoint", "state", "versions", "address"), rows)
        elif asked.delete:
            client.endpoints.delete(asked.endpoint)
            screen.show({"deleted": asked.endpoint}, f"{asked.endpoint} is deleted")
        elif asked.analytics:
            told = client.endpoints.analytics(asked.endpoint)
            screen.show(told, _summary(told))
        else:
            act = client.endpoints.rollback if asked.rollback else client.endpoints.get
            seen = act(asked.endpoint)
            screen.show(seen.raw, f"{seen.name} is {seen.state} at {seen.url}\n{_versions(seen.raw)}")


def _versions(endpoint: dict[str, Any]) -> str:
    rows = endpoint["deployments"]
    return ", ".join(f"{one['model_version']} {one['weight']} %{' shadow' if one['shadow'] else ''}" for one in rows)


def _summary(told: dict[str, Any]) -> str:
    total, currency = told["total"], str(told["currency"])
    times = ", ".join(f"{name} {value} ms" for name, value in (total["latency_ms"] or {}).items())
    return f"{total['requests']} requests {total['statuses']}\n{times}\n{money(total['cost_micros'], currency)}"
