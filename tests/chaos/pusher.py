"""Pushers of usage to be killed: a warm process that forks one for each line it reads and says its process id.

    python -m tests.chaos.pusher '{"NAME": …}' http://127.0.0.1:1234 0.3

A line is the moment, in seconds since the epoch, that the new pusher takes for now. It pushes over and over, taken back
and frozen ones too, until somebody kills it.
"""

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime


def main(database: str, base: str, timeout_s: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelyard.settings")
    import django
    from django.conf import settings

    settings.DATABASES["default"].update(json.loads(database))
    settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY, settings.IS_STRIPE_DOUBLE = base, "sk_test_double", True
    settings.STRIPE_TIMEOUT_S = float(timeout_s)
    django.setup()
    _warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _push_until_killed(datetime.fromtimestamp(float(line), UTC))
        print(child, flush=True)


def _warm_up() -> None:
    import stripe

    from apps.billing.services import push_usage  # noqa: F401

    stripe.HTTPXClient._sleep_time_seconds = lambda self, *args, **named: 0  # type: ignore[method-assign,assignment]


def _push_until_killed(now: datetime) -> None:
    from apps.billing.services.push_usage import push_usage
    from apps.billing.services.resolve_frozen import resolve_frozen

    while True:
        push_usage(now=now)
        resolve_frozen(now=now)
        time.sleep(0.005)


if __name__ == "__main__":
    main(*sys.argv[1:])
