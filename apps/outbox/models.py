"""The outbox and inbox tables: a side effect is a row written in the business transaction."""

from django.db import models


class OutboxMessage(models.Model):
    """One side effect to carry out at least once; its effect is made exactly once by the receiver's own guard."""

    id = models.BigAutoField(primary_key=True)
    topic = models.CharField(max_length=60)  # settings.OUTBOX_HANDLERS maps it to a function
    payload = models.JSONField(default=dict)
    dedupe_key = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    available_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    dead_at = models.DateTimeField(null=True, blank=True)  # given up after 12 attempts; shown to operators
    last_error = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["available_at"], name="outbox_waiting", condition=models.Q(done_at=None, dead_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.dedupe_key}"


class InboxMessage(models.Model):
    """A message that has had its effect; written in the effect's own transaction."""

    id = models.BigAutoField(primary_key=True)
    consumer = models.CharField(max_length=60)
    message_id = models.CharField(max_length=200)
    payload = models.JSONField(default=dict)
    received_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["consumer", "message_id"], name="inbox_once")]

    def __str__(self) -> str:
        return f"{self.consumer} {self.message_id}"
