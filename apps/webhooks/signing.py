"""Signs deliveries as Standard Webhooks says; each webhook's secret is derived from the installation's key."""

import base64
import hashlib
import hmac
from datetime import datetime

from django.conf import settings
from standardwebhooks import Webhook as Signer

from apps.webhooks.models import Webhook


def secret_of(webhook: Webhook, version: int | None = None) -> str:
    """Return `whsec_…`. Derived, so that a stolen copy of the database signs nothing."""
    text = f"webhook:{webhook.pk}:{version or webhook.secret_version}"
    digest = hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(digest).decode()}"


def headers_for(webhook: Webhook, message_id: str, body: str, at: datetime) -> dict[str, str]:
    """Return webhook-id, -timestamp and -signature; the old secret signs too until its rotation is over."""
    versions = [webhook.secret_version]
    if webhook.old_secret_until is not None and webhook.old_secret_until > at and webhook.secret_version > 1:
        versions.append(webhook.secret_version - 1)
    signatures = [Signer(secret_of(webhook, version)).sign(message_id, at, body) for version in versions]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
