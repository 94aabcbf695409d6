"""Counts wrong passwords exactly: at most 10 per account and 100 per network address in any 15 minutes.

Every check takes a place in a sliding window before the password is looked at and gives it back when it was right, so
parallel guesses cannot slip through. Unknown accounts are counted like known ones. How it fails: without Redis each
process counts for itself and lets three through (fail limited, never open).
"""

import hashlib
import ipaddress
import logging
import secrets
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import cache

import redis
from django.conf import settings

from contracts.channels import attempts_key

log = logging.getLogger(__name__)
WINDOW_S = 15 * 60
PER_ACCOUNT = 10
PER_ADDRESS = 100
LOCAL_LIMIT = 3  # per process while Redis is away
_QUIET_S = 1.0  # do not ask a Redis that just failed
_ADMIT = """
local now = redis.call('TIME')
local micros = now[1] * 1000000 + now[2]
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', micros - ARGV[1] * 1000000)
  if redis.call('ZCARD', key) >= tonumber(ARGV[2 + i]) then return 0 end
end
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, micros, ARGV[2])
  redis.call('EXPIRE', key, ARGV[1])
end
return 1
"""


@dataclass(frozen=True)
class Attempt:
    """A place taken in the windows of an account and an address."""

    keys: tuple[str, ...]
    member: str

    def was_right(self) -> None:
        """Give the place back: knowing the password is no guess."""
        _forget_locally(self)
        try:
            for key in self.keys:
                _client().zrem(key, self.member)
        except redis.RedisError as error:
            log.warning("could not return a password attempt: %s", error)


def admit(account: str, address: str | None) -> Attempt | None:
    """Take a place for one check; None when too many were wrong."""
    windows = {attempts_key("account", _digest(account.strip().lower())): PER_ACCOUNT}
    if address:
        windows[attempts_key("address", _digest(_network(address)))] = PER_ADDRESS
    attempt = Attempt(tuple(windows), secrets.token_hex(8))
    return attempt if _admitted(attempt, list(windows.values())) else None


def _admitted(attempt: Attempt, limits: list[int]) -> bool:
    global _quiet_until  # noqa: PLW0603 -- one breaker per process is the point
    if time.monotonic() >= _quiet_until:
        try:
            script = _client().register_script(_ADMIT)
            return bool(script(keys=attempt.keys, args=[WINDOW_S, attempt.member, *limits]))
        except redis.RedisError as error:
            _quiet_until = time.monotonic() + _QUIET_S
            log.warning("password attempts are counted locally: %s", error)
    return _admitted_locally(attempt)


_quiet_until = 0.0
_local: dict[str, dict[str, float]] = defaultdict(dict)
_local_lock = threading.Lock()


def _admitted_locally(attempt: Attempt) -> bool:
    now = time.monotonic()
    with _local_lock:
        for key in [key for key, taken in _local.items() if all(at < now - WINDOW_S for at in taken.values())]:
            del _local[key]
        for key in attempt.keys:
            _local[key] = {member: at for member, at in _local[key].items() if at >= now - WINDOW_S}
        if any(len(_local[key]) >= LOCAL_LIMIT for key in attempt.keys):
            return False
        for key in attempt.keys:
            _local[key][attempt.member] = now
        return True


def _forget_locally(attempt: Attempt) -> None:
    with _local_lock:
        for key in attempt.keys:
            _local.get(key, {}).pop(attempt.member, None)


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=0.2, socket_timeout=0.5)


def _digest(text: str) -> str:
    """Redis holds no addresses of people."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _network(address: str) -> str:
    """One IPv6 household is one address: its /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address
