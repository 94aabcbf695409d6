"""Answers already given, so that a repeated request is answered and not repeated."""

from django.db import models

from apps.accounts.models import Organisation
from apps.accounts.tenancy import TenantQuerySet


class IdempotencyRecord(models.Model):
    id = models.BigAutoField(primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # of method, address and body
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.TextField()  # encrypted: an answer may contain a secret that is shown once
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = TenantQuerySet["IdempotencyRecord"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key
