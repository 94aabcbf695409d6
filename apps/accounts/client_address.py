"""The network address a request came from; a proxy's word counts only when the installation says that there is one."""

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """With BEHIND_PROXY the last entry of X-Forwarded-For, the only one our own proxy wrote."""
    if settings.SECURE_PROXY_SSL_HEADER is not None:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
        if forwarded:
            return str(forwarded.rsplit(",", 1)[-1].strip()) or None
    return request.META.get("REMOTE_ADDR") or None
