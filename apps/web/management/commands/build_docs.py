"""`manage.py build_docs`: write the manual as static HTML."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from apps.web.docs.write_site import write_site


class Command(BaseCommand):
    help = "Write the pages of docs/ as static HTML. The folder is emptied before."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", type=Path, default=settings.DATA_DIR / "docs-site", help="folder to write")
        parser.add_argument("--product-url", default=settings.PUBLIC_URL, help="where links to /api/docs lead")

    def handle(self, *args: Any, to: Path, product_url: str, **options: Any) -> None:
        count = write_site(to, product_url)
        self.stdout.write(f"{count} pages in {to}; open {to / 'index.html'}")
