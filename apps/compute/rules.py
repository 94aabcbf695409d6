"""Pure decisions about machines: is a node alive, how many slots of a pool are free."""

from datetime import datetime, timedelta

NODE_SILENT_AFTER_S = 30  # nodes say hello every 10 s; three missed ones and we no longer count on it


def is_alive(last_seen_at: datetime | None, now: datetime) -> bool:
    """Say whether a node has spoken recently enough to expect work from it."""
    return last_seen_at is not None and now - last_seen_at <= timedelta(seconds=NODE_SILENT_AFTER_S)


def free_slots(*, slots: int, live_nodes: int, active_runs: int) -> int:
    """Slots that could start a run now. One node works on one run at a time, and the pool's own cap holds too."""
    return max(0, min(slots, live_nodes) - active_runs)
