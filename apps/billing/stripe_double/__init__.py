"""A small stand-in for Stripe that development, tests and the demo run against, through Stripe's real SDK.

It keeps customers, Checkout sessions, saved cards, payments, refunds, disputes, meter events and their sums, checks
every request against the SDK's own typed parameters, signs webhooks like Stripe, and can be told to fail: drop an
answer after committing, 429, 500.
`shapes.json` holds the few of Stripe's published sample objects that are needed (MIT, see shapes.LICENSE).
"""
