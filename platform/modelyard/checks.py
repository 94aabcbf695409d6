"""Checks of `manage.py check --deploy`: what is fine on a laptop and not on a server that people pay for."""

import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

_OWN_SECRETS = ("SECRET_KEY", "KEY_PEPPER", "USAGE_SIGNING_KEY")


def _is_given(name: str) -> bool:
    return bool(os.environ.get(name, "").strip() or os.environ.get(f"{name}_FILE", "").strip())


@register(Tags.security, deploy=True)
def secrets_come_from_outside(**_: Any) -> Iterable[CheckMessage]:
    """A generated secret differs from replica to replica."""
    missing = [name for name in _OWN_SECRETS if not _is_given(name)]
    if missing:
        yield Warning(
            f"{', '.join(missing)}: generated in the data folder of this machine.",
            hint="Set them (or NAME_FILE) so that every replica has the same.",
            id="modelyard.W001",
        )


@register(Tags.database, deploy=True)
def servers_come_from_outside(**_: Any) -> Iterable[CheckMessage]:
    """Embedded servers are for one machine and one terminal."""
    missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not _is_given(name)]
    if missing:
        yield Warning(
            f"{', '.join(missing)} not set: the embedded servers would be used.",
            hint="Point them to PostgreSQL and Redis (append-only file, noeviction).",
            id="modelyard.W002",
        )


@register(Tags.security, deploy=True)
def addresses_are_https(**_: Any) -> Iterable[CheckMessage]:
    """Keys and sessions must not travel in the clear."""
    for name in ("PUBLIC_URL", "SERVE_PUBLIC_URL"):
        if not getattr(settings, name).startswith("https://"):
            yield Warning(f"{name} is not https.", hint="Put a TLS proxy in front.", id="modelyard.W003")


@register(Tags.compatibility, deploy=True)
def money_is_real(**_: Any) -> Iterable[CheckMessage]:
    """The shipped double accepts every card."""
    if settings.IS_STRIPE_DOUBLE:
        yield Warning("Payments go to the local double.", hint="Set STRIPE_SECRET_KEY.", id="modelyard.W004")
    elif settings.STRIPE_WEBHOOK_SECRET == "whsec_double":
        yield Warning("Stripe's webhooks cannot be verified.", hint="Set STRIPE_WEBHOOK_SECRET.", id="modelyard.W005")


@register(Tags.compatibility, deploy=True)
def mail_leaves_the_house(**_: Any) -> Iterable[CheckMessage]:
    """Confirmations and invitations printed to a log reach nobody."""
    if settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        yield Warning("Mail is printed to the log.", hint="Set EMAIL_BACKEND and EMAIL_HOST.", id="modelyard.W006")
