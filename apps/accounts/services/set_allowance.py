"""Writes what an organisation's plan lets it have; the serving nodes learn of it by the revision that this bumps."""

from collections.abc import Mapping

from apps.accounts.models import Allowance, Organisation
from apps.accounts.rules import LIMITS


def set_allowance(organisation: Organisation, *, plan: str, limits: Mapping[str, int]) -> Allowance:
    """`limits` holds words of rules.LIMITS; one that is missing is not limited."""
    if unknown := set(limits) - set(LIMITS):
        raise ValueError(f"no such limits: {', '.join(sorted(unknown))}")
    allowance, _ = Allowance.objects.update_or_create(
        organisation=organisation, defaults={"plan": plan, "limits": dict(limits)}
    )
    return allowance
