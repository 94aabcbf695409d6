"""`manage.py demo`: starts the platform, tells the story, stays until Ctrl-C."""

import argparse
import time
from functools import partial
from typing import Any

from apps.console.demo import bill, story
from apps.console.demo.account import DemoAccount, demo_account
from apps.console.demo.client import Client
from embedded.command import run_stack, say
from embedded.stack import Stack


def demo(arguments: list[str]) -> int:
    """Run the demo; `--once` ends after the story. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="manage.py demo", description="The whole road on real data.")
    parser.add_argument("--once", action="store_true", help="stop everything after the story")
    parser.add_argument("--seconds", type=int, default=45, help="training budget (default 45)")
    chosen = parser.parse_args(arguments)
    return run_stack(partial(tell, budget_s=chosen.seconds), stay=not chosen.once)


def tell(stack: Stack, *, budget_s: int) -> None:
    """The story on a running platform."""
    started = time.monotonic()
    account = demo_account(stack)
    say(f"organisation {account.slug}, user {account.email}")
    client = Client(stack.web_url, stack.serve_url, account.api_key)
    uploaded = story.upload(client, say)
    run = story.train(client, uploaded["version"], budget_s, say)
    story.deploy(client, run, say)
    usage = bill.predict(client, say)
    bill.show_bill(client, usage, say)
    _print_farewell(stack, account, uploaded, run)
    say(f"the story took {time.monotonic() - started:.0f} s")


def _print_farewell(stack: Stack, account: DemoAccount, uploaded: dict[str, Any], run: dict[str, Any]) -> None:
    home = f"{stack.web_url}/o/{account.slug}"
    dataset, version = uploaded["dataset"]["id"], uploaded["version"]["id"]
    print(
        f"\n  log in      {stack.web_url}/accounts/login/"
        f"\n              {account.email}   {account.password}"
        f"\n  overview    {home}/"
        f"\n  data        {home}/datasets/{dataset}/versions/{version}/"
        f"\n  run         {home}/runs/{run['id']}/"
        f"\n  model       {home}/model-versions/{run['model_version']}/"
        f"\n  endpoints   {home}/endpoints/"
        f"\n  API key     {account.api_key}"
        f"\n\n  curl -H 'Authorization: Bearer {account.api_key}' -H 'Content-Type: application/json' \\"
        f'\n       -d \'{{"rows": [{{"bill_length_mm": 48.7, "flipper_length_mm": 208, "body_mass_g": 5350}}]}}\' \\'
        f"\n       {stack.serve_url}/v1/predict/{story.ENDPOINT}\n",
        flush=True,
    )
