"""The one place where a plan's limit is enforced: asked before something is made that a plan counts.

with transaction.atomic():
    pass_limit(organisation, "endpoints", used=lambda: living.count(), more=1)
    … create it …
"""

from collections.abc import Callable

from django.db import connection, transaction

from apps.accounts.models import Allowance, Organisation
from apps.accounts.rules import LIMITS, most_of
from contracts.problems import Problem


def pass_limit(organisation: Organisation, name: str, *, used: Callable[[], int], more: int = 1) -> None:
    """Problem yours:limit-reached when `used()` + `more` would be beyond the plan.

    Belongs into the transaction that creates the thing: the row stays locked until it ends, so that two
    requests at the same moment cannot both take the last place.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("pass_limit belongs into the transaction that creates the thing")
    allowance = Allowance.objects.select_for_update(no_key=True).filter(pk=organisation.pk).first()
    most = most_of(allowance.limits, name) if allowance else None
    if allowance is None or most is None:
        return
    have = used()
    if have + more > most:
        raise Problem(
            "yours:limit-reached",
            f"The plan {allowance.plan} allows {most:,} {LIMITS[name]}: there are {have:,}, this needs {more:,} more.",
            limit=name,
            most=most,
            used=have,
            plan=allowance.plan,
        )
