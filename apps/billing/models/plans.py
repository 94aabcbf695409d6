"""Plans as versioned rows, and which plan an organisation is on."""

from functools import partial

from django.db import models

from apps.accounts.models import Organisation, User
from contracts.ids import new_id


class Plan(models.Model):
    """One version of a plan in one currency, from a date on. Never changed, only superseded.

    A subscription keeps its version until its month ends; the next month takes the version in force then.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "plv"), editable=False)
    name = models.SlugField(max_length=40)  # "team"; the same in all versions
    title = models.CharField(max_length=60)
    summary = models.CharField(max_length=200, blank=True)
    rank = models.PositiveIntegerField(default=0)  # a higher one is an upgrade
    currency = models.CharField(max_length=3, default="USD")
    fee_micros = models.BigIntegerField(default=0)  # a calendar month, paid in advance
    included_micros = models.BigIntegerField(default=0)  # credit of a month that ends with it
    commitment_micros = models.BigIntegerField(default=0)  # the least usage of a month; what is missing is charged
    trial_days = models.PositiveIntegerField(default=0)
    limits = models.JSONField(default=dict)  # words of accounts.rules.LIMITS
    is_public = models.BooleanField(default=True)  # else operators put organisations on it
    effective_from = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "currency", "effective_from"], name="plan_version_once"),
            models.CheckConstraint(
                condition=models.Q(fee_micros__gte=0, included_micros__gte=0, commitment_micros__gte=0),
                name="plan_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.currency}, from {self.effective_from:%Y-%m-%d})"


class Subscription(models.Model):
    """An organisation's plan: trialing | active | past_due | suspended | closed."""

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="subscription"
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, default="active")
    renews_at = models.DateTimeField()  # the fee is paid up to here
    trial_ends_at = models.DateTimeField(null=True, blank=True)
    had_trial_of = models.JSONField(default=list)  # names of plans: a trial is given once
    paid_micros = models.BigIntegerField(default=0)  # of the present month under the present plan
    paid_from = models.DateTimeField(null=True, blank=True)
    next_plan = models.CharField(max_length=40, blank=True)  # takes over at renews_at
    past_due_since = models.DateTimeField(null=True, blank=True)
    edition = models.PositiveIntegerField(default=0)  # counts changes; part of the ids of what is charged
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.organisation_id} on {self.plan_id}"
