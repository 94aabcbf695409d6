"""The answers of the billing addresses as OpenAPI shows them. Amounts are whole micros."""

from typing import Any

from rest_framework import serializers

Answer = serializers.Serializer[Any]


class PlanAnswer(Answer):
    id = serializers.CharField(help_text="Of this version")
    object = serializers.CharField()
    name = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField(allow_blank=True)
    currency = serializers.CharField()
    fee_micros = serializers.IntegerField(help_text="A calendar month (UTC), in advance")
    included_micros = serializers.IntegerField(help_text="Credit of each month")
    commitment_micros = serializers.IntegerField(help_text="The least usage of a month")
    trial_days = serializers.IntegerField()
    limits = serializers.DictField(child=serializers.IntegerField())
    effective_from = serializers.DateTimeField()


class SubscriptionAnswer(Answer):
    object = serializers.CharField()
    plan = PlanAnswer()
    state = serializers.ChoiceField(["active", "trialing", "past_due", "suspended", "closed"])
    renews_at = serializers.DateTimeField()
    trial_ends_at = serializers.DateTimeField(allow_null=True)
    next_plan = serializers.CharField(allow_null=True)
    past_due_since = serializers.DateTimeField(allow_null=True)
    used = serializers.DictField(child=serializers.IntegerField(), help_text="Of the plan's limits")


class QuoteAnswer(Answer):
    object = serializers.CharField()
    plan = serializers.CharField()
    when = serializers.ChoiceField(["now", "period_end"])
    effective_at = serializers.DateTimeField()
    credit_micros = serializers.IntegerField(help_text="For the rest of the month under the present plan")
    fee_micros = serializers.IntegerField(help_text="For the rest of the month under the new plan")
    due_micros = serializers.IntegerField(help_text="Taken from the credit now; below zero it comes back")
    trial_ends_at = serializers.DateTimeField(allow_null=True)
    objections = serializers.ListField(child=serializers.CharField())


class LineAnswer(Answer):
    position = serializers.IntegerField()
    meter = serializers.CharField()
    description = serializers.CharField()
    endpoint = serializers.CharField(allow_blank=True)
    run = serializers.CharField(allow_blank=True)
    price = serializers.CharField(allow_blank=True)
    unit_price_micros = serializers.IntegerField()
    units = serializers.IntegerField()
    amount_micros = serializers.IntegerField()


class InvoiceAnswer(Answer):
    id = serializers.CharField()
    object = serializers.CharField()
    state = serializers.ChoiceField(["draft", "closed", "void"])
    number = serializers.CharField()
    period_start = serializers.DateField()
    period_end = serializers.DateField()
    currency = serializers.CharField()
    total_micros = serializers.IntegerField()
    carried_micros = serializers.IntegerField()
    total_minor = serializers.IntegerField()
    remainder_micros = serializers.IntegerField()
    usage_events = serializers.IntegerField()
    closed_at = serializers.DateTimeField(required=False)
    usage_file = serializers.CharField(required=False)
    usage_sha256 = serializers.CharField(required=False)
    public_key = serializers.CharField(required=False)
    pdf = serializers.CharField(required=False)
    customer = serializers.DictField(required=False, help_text="The billing profile when it was written")
    lines = LineAnswer(many=True, required=False)


class CreditNoteAnswer(Answer):
    id = serializers.CharField()
    object = serializers.CharField()
    number = serializers.CharField()
    invoice = serializers.CharField()
    currency = serializers.CharField()
    amount_micros = serializers.IntegerField()
    is_void = serializers.BooleanField()
    reason = serializers.CharField()
    replaced_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class BudgetAnswer(Answer):
    id = serializers.CharField()
    object = serializers.CharField()
    name = serializers.CharField()
    scope = serializers.ChoiceField(["organisation", "endpoint", "key"])
    scope_id = serializers.CharField()
    period = serializers.ChoiceField(["month", "total"])
    is_hard = serializers.BooleanField()
    measure = serializers.ChoiceField(["money", "units"], help_text="units: `_micros` count predictions")
    limit_micros = serializers.IntegerField()
    used_micros = serializers.IntegerField()
    percent = serializers.IntegerField(allow_null=True)
    resets_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class TopUpAnswer(Answer):
    id = serializers.CharField()
    object = serializers.CharField()
    amount_micros = serializers.IntegerField()
    currency = serializers.CharField()
    state = serializers.ChoiceField(["pending", "paid", "expired", "failed"])
    checkout_url = serializers.CharField(allow_null=True)
    is_automatic = serializers.BooleanField()
    refunded_micros = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)


class CreditLotAnswer(Answer):
    id = serializers.CharField()
    object = serializers.CharField()
    kind = serializers.ChoiceField(["promo", "included", "paid", "returned"])
    note = serializers.CharField(allow_blank=True)
    currency = serializers.CharField()
    amount_micros = serializers.IntegerField()
    used_micros = serializers.IntegerField()
    expired_micros = serializers.IntegerField()
    withdrawn_micros = serializers.IntegerField()
    left_micros = serializers.IntegerField()
    granted_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)


class CreditEntryAnswer(Answer):
    id = serializers.CharField()
    object = serializers.CharField()
    kind = serializers.CharField()
    ref = serializers.CharField()
    note = serializers.CharField(allow_blank=True)
    amount_micros = serializers.IntegerField()
    currency = serializers.CharField()
    at = serializers.DateTimeField()


class CreditsAnswer(Answer):
    object = serializers.CharField()
    currency = serializers.CharField()
    available_micros = serializers.IntegerField()
    held_micros = serializers.IntegerField()
    spent_micros = serializers.IntegerField()
    lots = CreditLotAnswer(many=True, help_text="What is left, in the order of its use")
    data = CreditEntryAnswer(many=True)  # type: ignore[assignment]  # the word of the API, not DRF's attribute
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)
