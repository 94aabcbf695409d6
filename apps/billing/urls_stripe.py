"""Stripe webhook in."""

from django.urls import path

from apps.billing.webhook import stripe_webhook

urlpatterns = [path("webhook", stripe_webhook, name="stripe-webhook")]
