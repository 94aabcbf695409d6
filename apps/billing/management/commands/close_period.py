"""`manage.py close_period`: closes what is due, or one month, and prints the invoices made."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import Organisation
from apps.billing.models import Invoice
from apps.billing.services.close_period import close_due_periods, close_period
from contracts.problems import Problem


class Command(BaseCommand):
    help = "Close the months that are due, or --period YYYY-MM, of every organisation or one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--period", help="YYYY-MM")
        parser.add_argument("--org", help="slug or id")

    def handle(self, **options: Any) -> None:
        known = set(Invoice.objects.values_list("pk", flat=True))
        if options["period"]:
            self._close(_month(options["period"]), options["org"])
        else:
            close_due_periods()
        made = Invoice.objects.exclude(pk__in=known).select_related("organisation").order_by("number")
        for invoice in made:
            self.stdout.write(f"{invoice.number} {invoice.organisation.slug} {invoice.total_micros} {invoice.currency}")
        self.stdout.write(f"{len(made)} invoices made")

    def _close(self, month: date, wanted: str | None) -> None:
        organisations = Organisation.objects.order_by("pk")
        if wanted:
            organisations = organisations.filter(slug=wanted) | organisations.filter(pk=wanted)
            if not organisations.exists():
                raise CommandError(f"There is no organisation {wanted!r}.")
        for organisation in organisations:
            try:
                close_period(organisation, month)
            except Problem as problem:
                raise CommandError(problem.detail) from problem


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise CommandError(f"{text!r} is no month; write 2026-11.") from None
