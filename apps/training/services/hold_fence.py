"""The gate before every write of a trainer: its claim must still be the valid one."""

from apps.training.models import Attempt, Run
from contracts.jobs import RUN_ACTIVE_STATES
from contracts.problems import Problem


def hold_fence(attempt: Attempt, fence: int) -> Run:
    """Lock and return the run if this attempt still holds it. Call inside a transaction. Otherwise Problem 409.

    The lease itself is not asked: a holder that is late but has not been replaced may go on.
    """
    if fence == attempt.fence:
        run = (
            Run.objects.select_for_update().filter(id=attempt.run_id, fence=fence, state__in=RUN_ACTIVE_STATES).first()
        )
        if run is not None:
            return run
    raise stale_fence()


def stale_fence() -> Problem:
    """The answer to a holder that lost its claim."""
    return Problem(
        "yours:stale", "The run is no longer yours: your fence is stale. Stop and write nothing.", status=409
    )
