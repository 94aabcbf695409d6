"""Give a member another role; an organisation never loses its last owner."""

from django.db import transaction

from apps.accounts.models import ApiKey, Membership, Role, User
from apps.accounts.queries import role_of
from apps.accounts.rules import ROLES, may_appoint
from apps.accounts.services.owners import locked, refuse_without_owner
from apps.accounts.services.record_audit import record_audit
from contracts.problems import Problem


def change_role(
    membership: Membership, *, role: str, by: User | ApiKey | str, address: str | None = None
) -> Membership:
    """Admins move people up to admin; only owners make or unmake owners."""
    if role not in ROLES:
        error = {"location": "role", "message": f"must be one of {', '.join(ROLES)}", "fix": "Choose one of them."}
        raise Problem("yours:invalid", errors=[error])
    organisation = membership.organisation
    with transaction.atomic():
        membership = locked(membership)
        if not may_appoint(role_of(by, organisation), role=membership.role, new_role=role):
            raise Problem("yours:not-allowed", f"Your role may not turn a {membership.role} into a {role}.")
        if membership.role == role:
            return membership
        if membership.role == Role.OWNER:
            refuse_without_owner(membership)
        before, membership.role = membership.role, role
        membership.save(update_fields=["role"])
        record_audit(
            organisation,
            actor=by,
            action="member.role",
            subject=membership.user_id,
            details={"from": before, "to": role, "email": membership.user.email},
            address=address,
        )
    return membership
