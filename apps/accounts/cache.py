"""Django's cache for allauth's rate limits: Redis, or this process's memory while Redis is away.

How it fails: limited, not open and not closed. Each process then counts for itself, so a limit is at worst multiplied
by the number of web processes until Redis is back. Values are JSON: who can write to Redis cannot run code here.
"""

import json
import logging
from typing import Any

import redis
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

log = logging.getLogger(__name__)


class JsonSerializer:
    """Integers stay bare so that Redis can count them."""

    def dumps(self, value: Any) -> int | bytes:
        if type(value) is int:
            return value
        return json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class RedisOrLocalCache(RedisCache):
    """The four operations that rate limits are made of; everything else is plain RedisCache."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._local = LocMemCache("while-redis-is-away", {})

    def add(self, *args: Any, **named: Any) -> Any:
        return self._either("add", *args, **named)

    def get(self, *args: Any, **named: Any) -> Any:
        return self._either("get", *args, **named)

    def set(self, *args: Any, **named: Any) -> Any:
        return self._either("set", *args, **named)

    def delete(self, *args: Any, **named: Any) -> Any:
        return self._either("delete", *args, **named)

    def _either(self, operation: str, *args: Any, **named: Any) -> Any:
        try:
            return getattr(super(), operation)(*args, **named)
        except redis.RedisError as error:
            log.warning("rate limits are counted locally: %s", error)
            return getattr(self._local, operation)(*args, **named)
