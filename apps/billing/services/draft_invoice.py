"""Computes the invoice of a month that is not closed yet; nothing is stored."""

from datetime import date

from apps.accounts.models import Organisation
from apps.billing.queries import Statement, current_month, statement_for


def draft_invoice(organisation: Organisation, period: date | None = None) -> Statement:
    """Return the current month (or `period`) as it would be billed now."""
    return statement_for(organisation, period or current_month())
