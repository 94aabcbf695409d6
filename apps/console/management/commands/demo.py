"""`manage.py demo`, listed for `manage.py help`; manage.py runs it before Django starts (see apps.console.demo)."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.console.demo.command import demo


class Command(BaseCommand):
    help = "Run the platform and walk the whole road on real data: upload, train, export, deploy, predict, bill."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        raise SystemExit(demo([]))
