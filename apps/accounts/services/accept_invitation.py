"""Join an organisation with the word from the invitation's link."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.invitation_tokens import digest_of
from apps.accounts.models import Invitation, Membership, User
from apps.accounts.services.record_audit import record_audit
from contracts.problems import Problem


def accept_invitation(token: str, *, user: User, address: str | None = None) -> Membership:
    """Only the person it was sent to may use it, once, in time. A member already keeps the role he has."""
    with transaction.atomic():
        invitation = (
            Invitation.objects.select_for_update(of=("self",))
            .select_related("organisation")
            .filter(token_digest=digest_of(token))
            .first()
        )
        if invitation is None:
            raise Problem("yours:not-found", "There is no such invitation.")
        _check(invitation, user)
        membership, _ = Membership.objects.get_or_create(
            organisation=invitation.organisation, user=user, defaults={"role": invitation.role}
        )
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        record_audit(
            invitation.organisation,
            actor=user,
            action="member.join",
            subject=invitation.pk,
            details={"role": membership.role},
            address=address,
        )
    return membership


def _check(invitation: Invitation, user: User) -> None:
    if invitation.email.lower() != user.email.lower():
        raise Problem("yours:not-allowed", f"This invitation is for {invitation.email}; log in with that address.")
    if invitation.revoked_at is not None:
        raise Problem("yours:state", "This invitation was revoked; ask for another.")
    if invitation.accepted_at is not None:
        raise Problem("yours:state", "This invitation was used already.")
    if invitation.expires_at <= timezone.now():
        raise Problem("yours:state", "This invitation has expired; ask for another.")
