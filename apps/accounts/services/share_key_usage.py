"""The read-only link to an API key's usage page: made, made anew, taken back, and read.

The link is signed and names the key and a serial; only the serial is stored. A new serial ends the links before it.
"""

from django.core import signing
from django.db import transaction

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit

_SALT = "key-usage"


@transaction.atomic
def share_key_usage(key: ApiKey, *, is_shared: bool, by: User | ApiKey | str, address: str | None = None) -> ApiKey:
    """Make a new link, which ends the one before; or end it. Serials go on, so that an old link never comes back."""
    serial = abs(ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk).share_serial) + 1
    ApiKey.objects.filter(pk=key.pk).update(share_serial=serial if is_shared else -serial)
    action = "key.share" if is_shared else "key.unshare"
    record_audit(key.organisation, actor=by, action=action, subject=key.pk, details={"name": key.name}, address=address)
    key.refresh_from_db()
    return key


def link_token(key: ApiKey) -> str:
    """The last part of the link's address; empty when the usage is not shared."""
    return signing.dumps([key.pk, key.share_serial], salt=_SALT) if key.share_serial > 0 else ""


def key_of_link(token: str) -> ApiKey | None:
    """The key whose link this is, unless it was taken back, made anew, or the key was revoked."""
    try:
        key_id, serial = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    keys = ApiKey.objects.select_related("organisation", "parent").filter(pk=key_id, share_serial=serial)
    key = keys.filter(revoked_at=None, share_serial__gt=0).first()
    return None if key is None or key.state == "revoked" else key
