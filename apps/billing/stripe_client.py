"""The one door to Stripe: the real SDK, pointed at the shipped double when no key is set."""

from functools import lru_cache

import stripe
from django.conf import settings

from contracts.problems import Problem


def stripe_client() -> stripe.StripeClient:
    base = settings.STRIPE_API_BASE if settings.IS_STRIPE_DOUBLE else ""
    return _client(settings.STRIPE_SECRET_KEY, base, settings.STRIPE_TIMEOUT_S)


@lru_cache(maxsize=4)
def _client(key: str, base: str, timeout_s: float) -> stripe.StripeClient:
    """A checkout page waits for it; pushes and webhooks come again by themselves."""
    http_client = stripe.HTTPXClient(timeout=timeout_s, allow_sync_methods=True)
    if not base:
        return stripe.StripeClient(key, http_client=http_client, max_network_retries=1)
    return stripe.StripeClient(
        key,
        base_addresses={"api": base, "meter_events": base},
        http_client=http_client,
        max_network_retries=1,
    )


def is_live() -> bool:
    """Webhooks of the other mode are refused."""
    return settings.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))


def unavailable(error: stripe.StripeError) -> Problem:
    """What a customer is told when Stripe does not answer or does not agree."""
    return Problem("ours:payments-unavailable", str(error.user_message or "Payments cannot be reached at the moment."))
