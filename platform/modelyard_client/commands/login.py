"""Check an API key and remember it for this user."""

import getpass
import sys
from argparse import ArgumentParser, Namespace

from modelyard_client.client import Client
from modelyard_client.commands.screen import Screen
from modelyard_client.settings import write_config


def add(parser: ArgumentParser) -> None:
    parser.epilog = "The key is asked for, or read from standard input where that is no terminal."


def run(asked: Namespace, screen: Screen) -> None:
    with Client(api_key=asked.api_key or _typed_key(), url=asked.url, data_url=asked.data_url) as client:
        organisation = client.organisation()
        path = write_config(client.settings)
    document = {"organisation": organisation.raw, "url": client.settings.url, "stored_in": str(path)}
    screen.show(document, f"Logged in to {client.settings.url} as {organisation.name}; stored in {path}.")


def _typed_key() -> str:
    return getpass.getpass("API key: ").strip() if sys.stdin.isatty() else sys.stdin.readline().strip()
