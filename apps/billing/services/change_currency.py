"""The organisation's currency: chosen at the start, changed at most until the first thing that costs. No conversion."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.billing.models import Invoice, Subscription, TopUp
from apps.billing.plan_queries import DEFAULT_PLAN, plan_at, plans_in_force
from apps.endpoints.models import Batch, Endpoint
from apps.ledger.models import Budget, CreditLot, Hold, Wallet
from apps.ledger.queries import priced_currencies
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.open_wallet import credit_wallet
from apps.ledger.services.take_credit import withdraw_credit
from apps.metering.models import UsageEvent
from apps.training.models import Run
from contracts.problems import Problem

WELCOME = "welcome:"


def offered_currencies() -> list[str]:
    """Those with a price for everything and a plan to begin with; the default first."""
    offered = [code for code in priced_currencies() if any(plan.name == DEFAULT_PLAN for plan in plans_in_force(code))]
    return sorted(offered, key=lambda code: (code != settings.DEFAULT_CURRENCY, code))


def check_offered(currency: str) -> str:
    """Return the currency. Problem yours:invalid for one that nothing is priced in."""
    offered = offered_currencies()
    if currency not in offered:
        message = f"must be one of {', '.join(offered)}"
        raise Problem(
            "yours:invalid", errors=[{"location": "currency", "message": message, "fix": "Choose one of these."}]
        )
    return currency


def grant_welcome(organisation: Organisation, *, serial: int = 0) -> None:
    """The welcome credit that the installation gives in this currency, once per serial."""
    micros = settings.WELCOME_CREDIT_MICROS
    if organisation.currency != settings.DEFAULT_CURRENCY and micros:
        micros = settings.WELCOME_CREDITS.get(organisation.currency, 0)
    if micros:
        ref = f"{WELCOME}{organisation.pk}" + (f":{serial}" if serial else "")
        grant_credit(organisation, amount_micros=micros, ref=ref, note="Welcome credit")


def currency_is_fixed_by(organisation: Organisation) -> str:
    """What binds the organisation to its currency, in words; empty: nothing yet."""
    mine = {"organisation": organisation}
    binding: dict[str, QuerySet[Any]] = {
        "usage": UsageEvent.objects.filter(**mine),
        "payments": TopUp.objects.filter(**mine),
        "invoices": Invoice.objects.filter(**mine),
        "endpoints": Endpoint.objects.filter(**mine),
        "runs": Run.objects.filter(**mine),
        "batches": Batch.objects.filter(**mine),
        "budgets": Budget.objects.filter(**mine),
        "money set aside": Hold.objects.filter(wallet__organisation=organisation),
        "credit": CreditLot.objects.filter(**mine).exclude(ref__startswith=WELCOME),
        "a plan": Subscription.objects.filter(**mine).exclude(plan__name=DEFAULT_PLAN),
    }
    return next((word for word, rows in binding.items() if rows.exists()), "")


@transaction.atomic
def change_currency(organisation: Organisation, currency: str, *, by: User | ApiKey) -> Organisation:
    """Problem yours:state once anything has cost, been paid or been given; yours:invalid for a currency not offered."""
    locked = Organisation.objects.select_for_update().get(pk=organisation.pk)
    check_offered(currency)
    if locked.currency == currency:
        return locked
    if reason := currency_is_fixed_by(locked):
        raise Problem("yours:state", f"The currency is {locked.currency} for good: there is {reason} in it already.")
    lots = list(CreditLot.objects.of(locked).select_related("organisation"))
    for lot in lots:
        ref = f"welcome-back:{lot.pk}"
        if lot.left_micros and not withdraw_credit(lot, lot.left_micros, ref=ref, at=timezone.now(), source="grant"):
            raise Problem("yours:state", f"Some of the credit in {locked.currency} is in use.")
    before, locked.currency = locked.currency, currency
    locked.save(update_fields=["currency"])
    Wallet.objects.filter(pk=credit_wallet(locked).pk).update(currency=currency)
    Subscription.objects.filter(organisation=locked).update(plan=plan_at(DEFAULT_PLAN, currency=currency))
    grant_welcome(locked, serial=len(lots))
    details = {"from": before, "to": currency}
    record_audit(locked, actor=by, action="organisation.currency", subject=locked.pk, details=details)
    organisation.currency = currency
    return locked
