"""Turns a promotional code into credit: once per organisation, as often as the code allows, until its date."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from apps.billing.models import PromoCode, PromoRedemption
from apps.ledger.lots import PROMO
from apps.ledger.services.grant_credit import grant_credit
from contracts.problems import Problem


@transaction.atomic
def redeem_code(
    organisation: Organisation, code: str, *, by: User | ApiKey | str, now: datetime | None = None
) -> PromoCode:
    """The conditional UPDATE is the guard of the number, the unique row the guard of once."""
    moment = now or timezone.now()
    word = code.strip().upper()[:40]
    taken = (
        PromoCode.objects.filter(pk=word, currency=organisation.currency, redemptions__lt=F("most_redemptions"))
        .filter(Q(valid_until=None) | Q(valid_until__gt=moment))
        .update(redemptions=F("redemptions") + 1)
    )
    if not taken:
        raise _refused("is unknown, used up or over")
    try:
        with transaction.atomic():
            PromoRedemption.objects.create(code_id=word, organisation=organisation)
    except IntegrityError:
        raise _refused("was redeemed by your organisation already") from None
    promo = PromoCode.objects.get(pk=word)
    grant_credit(
        organisation,
        amount_micros=promo.amount_micros,
        ref=f"promo:{word}:{organisation.pk}",
        kind=PROMO,
        expires_at=moment + timedelta(days=promo.credit_days),
        note=f"Code {word}",
        now=moment,
    )
    record_audit(organisation, actor=by, action="credit.redeem", details={"code": word})
    return promo


def _refused(message: str) -> Problem:
    return Problem(
        "yours:invalid", errors=[{"location": "code", "message": message, "fix": "Check the letters and the date."}]
    )
