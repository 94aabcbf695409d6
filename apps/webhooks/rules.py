"""What can be told, when a delivery is tried again, and which addresses may be called."""

import ipaddress
from urllib.parse import urlsplit

KINDS = {  # event -> what it says
    "ping": "A test that you asked for",
    "run.finished": "A training run succeeded, failed or was cancelled",
    "batch.finished": "A batch is done",
    "endpoint.rolled_back": "An endpoint answers with an earlier version again",
    "endpoint.drift": "What callers ask is no longer like what the model learned from",
    "retraining.finished": "A retraining ended: promoted, waiting for a yes, kept as it was, or failed",
    "budget.alert": "A budget passed 50, 75, 90 or 100 per cent",
    "invoice.closed": "A month was closed and its invoice is there",
    "credit_note.created": "An invoice was corrected",
    "top_up.paid": "Credit was bought",
    "top_up.failed": "An automatic top-up could not be collected",
    "subscription.past_due": "The plan's fee could not be taken",
    "subscription.suspended": "The organisation was suspended",
    "subscription.resumed": "A suspension was lifted",
    "webhook.disabled": "A webhook was switched off because it failed for days",
}
# Seconds to wait after each failed try; together about three days, as Standard Webhooks advises.
WAITS_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
DISABLED_AFTER_S = 5 * 86_400  # of nothing but failures
OLD_SECRET_S = 86_400  # after a rotation both secrets sign for a day


def wait_after_s(attempts: int) -> int | None:
    """Return the wait after `attempts` tries; None when it is given up."""
    return WAITS_S[attempts - 1] if attempts <= len(WAITS_S) else None


def url_objection(url: str, *, allowed_hosts: tuple[str, ...] = ()) -> str:
    """Return why an address cannot be a webhook; empty when it can. Hosts of `allowed_hosts` may use http and ports."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is no address"
    if parts.username or parts.password or parts.fragment:
        return "may have no user, password or fragment"
    if not host or any(letter <= " " for letter in url):
        return "names no host"
    if host in allowed_hosts:
        return "" if parts.scheme in ("http", "https") else "must begin with https://"
    if parts.scheme != "https":
        return "must begin with https://"
    if port not in (None, 443):
        return "must use port 443"
    return "" if not _is_address(host) or is_public(host) else "is not a public address"


def is_public(address: str) -> bool:
    """May we connect there? Only to what the whole internet can reach; IPv4 inside IPv6 is looked at as IPv4."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
