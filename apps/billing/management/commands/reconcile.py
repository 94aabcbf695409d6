"""`manage.py reconcile`: compares every number about money with the others; exits with 1 when one differs."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.billing.services.reconcile import reconcile

_SHOWN = 20  # differences printed for each check


class Command(BaseCommand):
    help = "Compare ledger, wallets, leases, holds, usage, invoices and Stripe pushes to the micro-unit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        checks = reconcile()
        differences = sum(len(check.differences) for check in checks)
        if options["json"]:
            self.stdout.write(json.dumps({"differences": differences, "checks": [asdict(check) for check in checks]}))
        else:
            for check in checks:
                verdict = "ok" if check.is_right else f"{len(check.differences)} DIFFER"
                self.stdout.write(f"{verdict:>10}  {check.name} ({check.compared} compared)")
                for difference in check.differences[:_SHOWN]:
                    self.stdout.write(f"            {difference}")
            self.stdout.write(f"{differences} differences")
        if differences:
            sys.exit(1)
