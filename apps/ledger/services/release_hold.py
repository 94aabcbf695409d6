"""Gives everything of a hold back: the run was cancelled, refused, or failed for a reason of ours."""

from apps.ledger.models import Hold
from apps.ledger.services.close_hold import close_hold


def release_hold(subject: str) -> bool:
    """Return True when this call released it; False when there is no open hold for `subject`."""
    hold = Hold.objects.filter(subject=subject).first()
    return hold is not None and close_hold(hold, charge_micros=0)
