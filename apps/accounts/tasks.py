"""The outbox topic `mail`: builds a message from its payload and hands it to Django's e-mail backend.

{"kind": "invitation", "invitation": "ivt_…"}
{"kind": "plain", "to": ["a@example.com"], "subject": "…", "text": "…"}
"""

from typing import Any

from apps.accounts.services.send_mail import send_invitation, send_plain


def send_mail(payload: dict[str, Any]) -> None:
    if payload["kind"] == "invitation":
        send_invitation(payload["invitation"])
    else:
        send_plain(payload["to"], payload["subject"], payload["text"])
