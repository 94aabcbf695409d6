"""Invite somebody by e-mail to join an organisation with a role."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.invitation_tokens import digest_of, token_of
from apps.accounts.models import ApiKey, Invitation, Membership, Organisation, Role, User
from apps.accounts.queries import role_of, seats_taken
from apps.accounts.rules import ROLES, may_appoint
from apps.accounts.services.pass_limit import pass_limit
from apps.accounts.services.record_audit import record_audit
from apps.outbox.services.send import send
from contracts.ids import new_id
from contracts.problems import Problem

VALID_DAYS = 7


def invite_member(
    organisation: Organisation, *, email: str, role: str, invited_by: User | ApiKey | str, address: str | None = None
) -> Invitation:
    """An open invitation to the same address that has expired is replaced; one that is still good is a conflict."""
    email = email.strip().lower()
    _check(organisation, email, role, role_of(invited_by, organisation))
    invitation_id = new_id("ivt")
    with transaction.atomic():
        _expired(organisation, email)
        pass_limit(organisation, "seats", used=lambda: seats_taken(organisation))
        try:
            with transaction.atomic():
                invitation = Invitation.objects.create(
                    id=invitation_id,
                    organisation=organisation,
                    email=email,
                    role=role,
                    token_digest=digest_of(token_of(invitation_id)),
                    invited_by=invited_by if isinstance(invited_by, User) else None,
                    expires_at=timezone.now() + timedelta(days=VALID_DAYS),
                )
        except IntegrityError:
            raise Problem("yours:conflict", f"{email} has an open invitation; revoke it to send another.") from None
        send("mail", {"kind": "invitation", "invitation": invitation.pk}, dedupe_key=f"mail:{invitation.pk}")
        record_audit(
            organisation,
            actor=invited_by,
            action="member.invite",
            subject=invitation.pk,
            details={"email": email, "role": role},
            address=address,
        )
    return invitation


def _check(organisation: Organisation, email: str, role: str, actor_role: str) -> None:
    try:
        validate_email(email)
    except ValidationError:
        error = {"location": "email", "message": "is not an e-mail address", "fix": "Correct it."}
        raise Problem("yours:invalid", errors=[error]) from None
    if role not in ROLES:
        error = {"location": "role", "message": f"must be one of {', '.join(ROLES)}", "fix": "Choose one of them."}
        raise Problem("yours:invalid", errors=[error])
    if not actor_role or not may_appoint(actor_role, role=Role.VIEWER, new_role=role):
        raise Problem("yours:not-allowed", f"Your role may not invite somebody as {role}.")
    if Membership.objects.of(organisation).filter(user__email__iexact=email).exists():
        raise Problem("yours:conflict", f"{email} is a member already.")


def _expired(organisation: Organisation, email: str) -> None:
    """Make room: the table allows one open invitation per address."""
    now = timezone.now()
    overdue = Invitation.objects.of(organisation).filter(
        email__iexact=email, accepted_at=None, revoked_at=None, expires_at__lte=now
    )
    overdue.update(revoked_at=now)
