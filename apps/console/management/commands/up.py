"""`manage.py up`, listed for `manage.py help`; manage.py runs it before Django starts (see embedded.command)."""

from typing import Any

from django.core.management.base import BaseCommand

from embedded.command import up


class Command(BaseCommand):
    help = "Run the whole platform on this machine, with embedded servers where no address is set."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        raise SystemExit(up([]))
