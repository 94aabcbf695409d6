"""Take a person out of an organisation; keys made by that person stay, they belong to the organisation."""

from django.db import transaction

from apps.accounts.models import ApiKey, Membership, Role, User
from apps.accounts.queries import role_of
from apps.accounts.rules import may_appoint
from apps.accounts.services.owners import locked, refuse_without_owner
from apps.accounts.services.record_audit import record_audit
from contracts.problems import Problem


def remove_member(membership: Membership, *, by: User | ApiKey | str, address: str | None = None) -> None:
    """Everybody may leave; removing others needs an admin, removing an owner an owner."""
    organisation = membership.organisation
    with transaction.atomic():
        membership = locked(membership)
        is_leaving = isinstance(by, User) and by.pk == membership.user_id
        may_remove = may_appoint(role_of(by, organisation) or Role.VIEWER, role=membership.role, new_role=Role.VIEWER)
        if not (is_leaving or may_remove):
            raise Problem("yours:not-allowed", f"Your role may not remove a {membership.role}.")
        if membership.role == Role.OWNER:
            refuse_without_owner(membership)
        details = {"email": membership.user.email, "role": membership.role}
        user_id = membership.user_id
        membership.delete()
        record_audit(organisation, actor=by, action="member.remove", subject=user_id, details=details, address=address)
