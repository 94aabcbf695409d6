"""The word in an invitation's link: derived from the invitation, so that no table and no queue holds it."""

import hmac

from django.conf import settings

from contracts.keys import digest_token


def token_of(invitation_id: str) -> str:
    return hmac.digest(settings.SECRET_KEY.encode(), f"invitation:{invitation_id}".encode(), "sha256").hex()


def digest_of(token: str) -> str:
    return digest_token(token)


def link_of(invitation_id: str) -> str:
    """The address in the e-mail."""
    return f"{settings.PUBLIC_URL}/invitations/{token_of(invitation_id)}"
