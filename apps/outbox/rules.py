"""How long to wait after a failure, and when to give up."""

MAX_ATTEMPTS = 12
GROWTH = 2.27  # takes the wait from a second to an hour over the eleven waits there are: about two hours in all
LONGEST_WAIT_S = 3600


def wait_after_s(attempts: int) -> int:
    """Seconds until the next try after `attempts` failures: 1, 2, 5 … at most an hour."""
    return min(round(GROWTH ** max(attempts - 1, 0)), LONGEST_WAIT_S)


def is_hopeless(attempts: int) -> bool:
    return attempts >= MAX_ATTEMPTS
