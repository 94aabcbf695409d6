"""Write and send e-mails; the console shows them unless EMAIL_BACKEND says otherwise."""

from django.core.mail import EmailMessage

from apps.accounts.invitation_tokens import link_of
from apps.accounts.models import Invitation

INVITATION = """\
{inviter} invites you to join {organisation} on Modelyard as {role}.

Accept: {link}

The link is for {email} and works until {until:%d %B %Y, %H:%M} UTC.
If you do not expect this message, ignore it: nothing happens.
"""


def send_invitation(invitation_id: str) -> None:
    """Nothing is sent for an invitation that was accepted or revoked meanwhile."""
    invitation = (
        Invitation.objects.select_related("organisation", "invited_by")
        .filter(pk=invitation_id, accepted_at=None, revoked_at=None)
        .first()
    )
    if invitation is None:
        return
    text = INVITATION.format(
        inviter=invitation.invited_by or "An administrator",
        organisation=invitation.organisation,
        role=invitation.role,
        link=link_of(invitation.pk),
        email=invitation.email,
        until=invitation.expires_at,
    )
    send_plain([invitation.email], f"Join {invitation.organisation} on Modelyard", text)


def send_plain(to: list[str], subject: str, text: str) -> None:
    """One message; the subject is one line."""
    EmailMessage(" ".join(subject.split())[:200], text, to=to).send()
