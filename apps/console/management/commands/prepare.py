"""`manage.py prepare`: schema, static files and node tokens of one host; safe to run at every start."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from apps.console.local_nodes import fresh_tokens, tokens_in
from apps.console.static_files import collect_static_files


class Command(BaseCommand):
    help = "Bring the database schema and static files up to date; register this host's nodes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--nodes", action="store_true", help="register the nodes of this host")
        parser.add_argument("--tokens", type=Path, help="keep their tokens in files in this folder instead of printing")

    def handle(self, *args: Any, nodes: bool, tokens: Path | None, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        collected = collect_static_files()
        answer: dict[str, Any] = {"static_files_collected": collected}
        if nodes and tokens:
            answer["node_token_files"] = sorted(tokens_in(tokens))
        elif nodes:
            answer["node_tokens"] = fresh_tokens()
        self.stdout.write(json.dumps(answer))
