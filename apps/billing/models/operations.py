"""What operators look back at."""

from functools import partial

from django.db import models

from apps.accounts.models import Organisation, User
from contracts.ids import new_id


class ReconcileRun(models.Model):
    """One comparison of everything about money with everything it must equal."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)
    compared = models.BigIntegerField()
    differences = models.JSONField(default=list)  # [{check, difference}]
    took_ms = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{len(self.differences)} differences at {self.at:%Y-%m-%d %H:%M}"


class Correction(models.Model):
    """Money of a customer that an operator wants to correct; another operator has to agree: asked -> done | refused.

    `subject` is the top-up to pay back (`refund`), or the invoice to give credit on (`credit_note`) or to void and
    write again (`reissue`).
    """

    KINDS = (
        ("refund", "Pay a payment back"),
        ("credit_note", "Credit note over a part"),
        ("reissue", "Void and write again"),
    )

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "cor"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=KINDS)
    subject = models.CharField(max_length=40)  # top_… or inv_…
    amount_micros = models.BigIntegerField(default=0)  # 0 for `reissue`: all of it
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=10, default="asked")
    outcome = models.CharField(max_length=200, blank=True)  # number of the credit note, or what was paid back
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("asked_by"), state="done"), name="two_people_correct"
            ),
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=models.Q(state="asked"), name="one_open_correction"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"
