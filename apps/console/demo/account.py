"""The demo's organisation, user and API key: made once, remembered in the data folder."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from apps.console.demo.client import Client
from embedded.data_folder import read_json, write_private_json
from embedded.stack import Stack

ORGANISATION = "Demo"
EMAIL = "demo@modelyard.example"


@dataclass(frozen=True)
class DemoAccount:
    slug: str
    email: str
    password: str
    api_key: str


def demo_account(stack: Stack) -> DemoAccount:
    """Return the account of an earlier demo when its key still works, else make what is missing."""
    path = stack.folder / "demo.json"
    known = read_json(path)
    if known and Client(stack.web_url, stack.serve_url, str(known["api_key"])).is_welcome():
        return DemoAccount(**known)
    account = _make(stack, str(known.get("password") or f"demo-{secrets.token_urlsafe(9)}"))
    _remember(path, account)
    return account


def _make(stack: Stack, password: str) -> DemoAccount:
    identity = ("--org", ORGANISATION, "--email", EMAIL, "--password", password)
    answer = stack.ask("bootstrap", *identity, "--operator")
    return DemoAccount(slug=answer["slug"], email=EMAIL, password=password, api_key=answer["api_key"])


def _remember(path: Path, account: DemoAccount) -> None:
    write_private_json(path, dict(vars(account)))
