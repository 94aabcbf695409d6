"""Turn an operational switch on or off, with the reason that users read meanwhile."""

from django.db import transaction

from apps.accounts.models import Switch, User
from apps.accounts.queries import SWITCHES
from apps.accounts.services.record_audit import record_audit


def flip_switch(name: str, *, is_on: bool, reason: str = "", by: User | str, address: str | None = None) -> Switch:
    """Audited on the installation's own chain."""
    if name not in SWITCHES:
        raise LookupError(f"{name!r} is none of the switches {', '.join(SWITCHES)}")
    with transaction.atomic():
        switch, _ = Switch.objects.update_or_create(name=name, defaults={"is_on": is_on, "reason": reason})
        record_audit(
            None,
            actor=by,
            action="switch.on" if is_on else "switch.off",
            subject=name,
            details={"reason": reason},
            address=address,
        )
    return switch
