"""What operators look back at."""

from django.db import models


class ReconcileRun(models.Model):
    """One comparison of everything about money with everything it must equal."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)
    compared = models.BigIntegerField()
    differences = models.JSONField(default=list)  # [{check, difference}]
    took_ms = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{len(self.differences)} differences at {self.at:%Y-%m-%d %H:%M}"
