"""Fixtures for every test: a clean Redis, people, and the whole running platform."""

import os
from collections.abc import Iterator

import pytest
import redis


@pytest.fixture(scope="session")
def redis_url() -> str:
    """Address of the session's Redis (started by the plugin `embedded.pytest_servers`)."""
    return os.environ["REDIS_URL"]


@pytest.fixture
def redis_server(redis_url: str) -> Iterator[redis.Redis]:
    """A client on an emptied Redis database."""
    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()
