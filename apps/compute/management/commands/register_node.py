"""`manage.py register_node NAME --kind train --pool cpu`: let a machine join and print its token once."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.compute.models import Node, Pool
from apps.compute.services.register_node import register_node
from contracts.problems import Problem


class Command(BaseCommand):
    help = "Register a node, or give a known one a new token. Prints one JSON object; the token is shown only here."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--kind", required=True, choices=[kind for kind, _ in Node.KINDS])
        parser.add_argument("--pool", help="name of a pool; training nodes need one")
        parser.add_argument("--days", type=float, default=90.0, help="how long the token lives")

    def handle(self, *args: Any, **options: Any) -> None:
        pool = None
        if options["pool"]:
            pool = Pool.objects.filter(name=options["pool"]).first()
            if pool is None:
                raise CommandError(f"There is no pool {options['pool']!r}.")
        try:
            node, token = register_node(
                options["name"], kind=options["kind"], pool=pool, lifetime_s=int(options["days"] * 86_400)
            )
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        self.stdout.write(json.dumps({"node": node.id, "name": node.name, "kind": node.kind, "token": token}))
