"""Tables of billing: plans and subscriptions, invoices, credit that people buy or are given, what Stripe knows."""

from apps.billing.models.credit import AutoTopUp, CreditRequest, PromoCode, PromoRedemption, TopUp
from apps.billing.models.invoices import BillingProfile, CreditNote, Invoice, InvoiceLine
from apps.billing.models.operations import Correction, ReconcileRun
from apps.billing.models.plans import Plan, Subscription
from apps.billing.models.stripe import (
    StripeCustomer,
    StripeDocument,
    StripeObject,
    StripePush,
    StripeSettlement,
    StripeSubscription,
    WebhookEvent,
)

__all__ = [
    "AutoTopUp",
    "BillingProfile",
    "Correction",
    "CreditNote",
    "CreditRequest",
    "Invoice",
    "InvoiceLine",
    "Plan",
    "PromoCode",
    "PromoRedemption",
    "ReconcileRun",
    "StripeCustomer",
    "StripeDocument",
    "StripeObject",
    "StripePush",
    "StripeSettlement",
    "StripeSubscription",
    "Subscription",
    "TopUp",
    "WebhookEvent",
]
