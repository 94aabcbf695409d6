"""Show the organisation of the key, and its credit."""

from argparse import ArgumentParser, Namespace

from modelyard_client.commands.connect import client_of
from modelyard_client.commands.screen import Screen, money


def add(parser: ArgumentParser) -> None:
    parser.epilog = "Needs the scope `read`."


def run(asked: Namespace, screen: Screen) -> None:
    with client_of(asked) as client:
        organisation, credit = client.organisation(), client.credits.get()
        left = money(credit.available_micros, credit.currency)
        screen.show(
            {"organisation": organisation.raw, "available_micros": credit.available_micros, "url": client.settings.url},
            f"{organisation.name} ({organisation.id}) at {client.settings.url}\n{left} available",
        )
