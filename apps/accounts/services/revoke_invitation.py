"""Take an invitation back before it is used."""

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, Invitation, User
from apps.accounts.services.record_audit import record_audit
from contracts.problems import Problem


def revoke_invitation(invitation: Invitation, *, by: User | ApiKey | str, address: str | None = None) -> None:
    """Revoking twice is no error; an invitation that was accepted cannot be revoked."""
    with transaction.atomic():
        changed = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(
            revoked_at=timezone.now()
        )
        if changed:
            record_audit(
                invitation.organisation,
                actor=by,
                action="member.uninvite",
                subject=invitation.pk,
                details={"email": invitation.email},
                address=address,
            )
        elif Invitation.objects.filter(pk=invitation.pk).exclude(accepted_at=None).exists():
            raise Problem("yours:state", "This invitation was accepted; remove the member instead.")
