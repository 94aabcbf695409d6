"""What every page's frame needs: the organisation, the places to go, what the member may do, the credit left."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.models import Organisation
from apps.accounts.rules import ACTIONS, role_may
from apps.ledger.models import Wallet
from apps.web.theme import theme_of


@dataclass(frozen=True)
class Place:
    title: str
    icon: str
    url: str
    is_current: bool


@dataclass(frozen=True)
class PlaceGroup:
    title: str
    items: list[Place]


# title of the group -> (title, icon, name of the address, prefixes of the address names that belong to it)
_MAP: list[tuple[str, list[tuple[str, str, str, tuple[str, ...]]]]] = [
    ("", [("Overview", "house", "overview", ("overview",))]),
    (
        "Build",
        [
            ("Datasets", "database", "datasets:list", ("datasets:",)),
            ("Runs", "activity", "training:list", ("training:",)),
            ("Models", "box", "registry:list", ("registry:",)),
        ],
    ),
    (
        "Serve",
        [
            (
                "Endpoints",
                "zap",
                "endpoints:list",
                ("endpoints:list", "endpoints:page", "endpoints:new", "endpoints:e-"),
            ),
            ("Batches", "layers", "endpoints:batches", ("endpoints:batch",)),
            ("API keys", "key-round", "keys", ("key",)),
        ],
    ),
    (
        "Organisation",
        [
            ("Usage and billing", "receipt-text", "billing:overview", ("billing:", "metering:")),
            ("Webhooks", "plug-zap", "webhooks:list", ("webhooks:",)),
            ("Members", "users", "accounts:members", ("accounts:member", "accounts:invit")),
            ("Audit log", "scroll-text", "accounts:audit", ("accounts:audit",)),
        ],
    ),
]


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context of every template; the parts of the signed-in frame only inside an organisation."""
    common: dict[str, Any] = {
        "serve_url": settings.SERVE_PUBLIC_URL,
        "public_url": settings.PUBLIC_URL,
        "theme": theme_of(request),
        "welcome_credit": settings.WELCOME_CREDIT_MICROS,
        "upload_max_bytes": settings.UPLOAD_MAX_BYTES,
        "organisation": getattr(request, "organisation", None),
    }
    organisation = common["organisation"]
    if organisation is None:
        return common
    role = request.membership.role  # type: ignore[attr-defined]
    return common | {
        "role": role,
        "can": {action: role_may(role, action) for action in ACTIONS},
        # Called by the template where it shows them; a page without the frame asks for nothing.
        "navigation": cache(partial(_places, request, organisation)),
        "credit_micros": cache(partial(_credit, organisation)),
        "my_organisations": cache(partial(_mine, request)),
    }


def _mine(request: HttpRequest) -> list[Organisation]:
    return list(Organisation.objects.filter(memberships__user_id=request.user.pk).order_by("name"))


def _credit(organisation: Organisation) -> int:
    wallet = Wallet.objects.of(organisation).filter(budget=None).values_list("available_micros", flat=True).first()
    return wallet or 0


def _places(request: HttpRequest, organisation: Organisation) -> list[PlaceGroup]:
    here = request.resolver_match.view_name if request.resolver_match else ""
    return [
        PlaceGroup(
            title,
            [
                Place(name, icon, reverse(address, args=[organisation.slug]), here.startswith(prefixes))
                for name, icon, address, prefixes in items
            ],
        )
        for title, items in _MAP
    ]
