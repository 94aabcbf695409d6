"""The guard that keeps at least one owner, also when two owners leave at the same moment."""

from apps.accounts.models import Membership, Organisation, Role
from contracts.problems import Problem


def locked(membership: Membership) -> Membership:
    """Lock the organisation first, so that changes of its members happen one after another."""
    Organisation.objects.select_for_update().get(pk=membership.organisation_id)
    found = Membership.objects.select_related("user", "organisation").filter(pk=membership.pk).first()
    if found is None:
        raise Problem("yours:not-found", "That person is no member any more.")
    return found


def refuse_without_owner(leaving: Membership) -> None:
    others = Membership.objects.of(leaving.organisation).filter(role=Role.OWNER).exclude(pk=leaving.pk)
    if not others.exists():
        raise Problem("yours:state", "This is the last owner; make somebody else an owner first.")
