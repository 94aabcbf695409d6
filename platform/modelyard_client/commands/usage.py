"""Show what was used and what it cost."""

from argparse import ArgumentParser, Namespace

from modelyard_client.commands.connect import client_of
from modelyard_client.commands.screen import Screen, money


def add(parser: ArgumentParser) -> None:
    parser.add_argument("--from", dest="start", default="", help="day (UTC); default: the start of this month")
    parser.add_argument("--to", dest="end", default="", help="day, included; default: now")
    parser.add_argument("--by", default="day", help="comma-separated: day, endpoint, key, model_version, run")


def run(asked: Namespace, screen: Screen) -> None:
    groups = asked.by.split(",")
    with client_of(asked) as client:
        told = client.usage.summary(start=asked.start, end=asked.end, group_by=groups)
    if screen.as_json:
        screen.show(told.raw)
        return
    rows = [
        (
            *(row.get(group) or "" for group in told.group_by),
            row["meter"],
            row["units"],
            money(row["amount_micros"], told.currency),
        )
        for row in told.data
    ]
    screen.table([], (*told.group_by, "meter", "units", "amount"), rows)
    screen.show(None, f"{money(told.amount_micros, told.currency)} in all")
