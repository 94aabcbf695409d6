"""Minutes are kept for two days, hours for ninety."""

from datetime import timedelta

from django.utils import timezone

from apps.endpoints.models import Traffic, TrafficCursor
from apps.endpoints.services.add_traffic import KEEP_HOURS, KEEP_MINUTES

KEEP_CURSORS = timedelta(days=7)  # a server process that was silent for so long will not repeat a message


def forget_traffic() -> int:
    """Return how many rows went."""
    now = timezone.now()
    gone = 0
    for step_s, keep in ((Traffic.MINUTE_S, KEEP_MINUTES), (Traffic.HOUR_S, KEEP_HOURS)):
        gone += Traffic.objects.filter(step_s=step_s, at__lt=now - keep).delete()[0]
    return gone + TrafficCursor.objects.filter(changed_at__lt=now - KEEP_CURSORS).delete()[0]
