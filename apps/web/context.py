"""What every page's frame needs: the current organisation, the places to go, the credit left."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    return {
        "organisation": getattr(request, "organisation", None),
        "serve_url": settings.SERVE_PUBLIC_URL,
        "public_url": settings.PUBLIC_URL,
    }
