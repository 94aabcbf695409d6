"""`manage.py verify_invoice`: checks stored invoices against their signed usage files."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.billing.models import Invoice
from apps.billing.services.verify_invoice import verify_invoice


class Command(BaseCommand):
    help = "Check one invoice (number or id) or all of them; exits with 1 when something disagrees."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("invoice", nargs="?", help="number or id; left out: all")

    def handle(self, **options: Any) -> None:
        invoices = Invoice.objects.order_by("number")
        if options["invoice"]:
            invoices = invoices.filter(number=options["invoice"]) | invoices.filter(pk=options["invoice"])
            if not invoices.exists():
                raise CommandError(f"There is no invoice {options['invoice']!r}.")
        wrong = 0
        for invoice in invoices:
            found = verify_invoice(invoice)
            wrong += bool(found)
            self.stdout.write(f"{invoice.number}: {'; '.join(found) or 'agrees'}")
        self.stdout.write(f"{wrong} of {invoices.count()} disagree")
        if wrong:
            sys.exit(1)
