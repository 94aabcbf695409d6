"""`manage.py stripe_double`: runs the shipped stand-in for Stripe until it is stopped."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.billing.stripe_double.faults import Faults
from apps.billing.stripe_double.server import Double
from apps.billing.stripe_double.store import Store


class Command(BaseCommand):
    help = "Run the local stand-in for Stripe (used when STRIPE_SECRET_KEY is not set)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("STRIPE_DOUBLE_PORT") or 8420))
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--fault-seed", type=int, default=0)
        parser.add_argument("--fault-rate", type=float, default=0.0, help="share of calls that fail, 0 to 1")

    def handle(self, **options: Any) -> None:
        if not settings.IS_STRIPE_DOUBLE:
            raise CommandError("STRIPE_SECRET_KEY is set: the real Stripe is in use.")
        folder = Path(settings.DATA_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        double = Double(
            (options["host"], options["port"]),
            Store(folder / "stripe_double.json"),
            webhook_url=f"{settings.PUBLIC_URL}/stripe/webhook",
            secret=settings.STRIPE_WEBHOOK_SECRET,
            faults=Faults(seed=options["fault_seed"], rate=options["fault_rate"]),
        )
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        self.stdout.write(f"Stripe double on {double.base}")
        try:
            double.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("stopped")
        finally:
            double.server_close()
