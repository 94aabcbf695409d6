"""Fixtures for every test: a clean Redis, people, and the whole running platform."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from django.conf import settings
from hypothesis import HealthCheck
from hypothesis import settings as property_settings

from tests.beside import BESIDE

if TYPE_CHECKING:
    from tests.people import People
    from tests.stack import RunningStack


def pytest_configure(config: pytest.Config) -> None:
    """Quick password hashes, and static files without the manifest that only `collectstatic` makes."""
    # A busy machine is no finding: properties are about values, not about seconds.
    property_settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    property_settings.register_profile("long", parent=property_settings.get_profile("suite"), max_examples=10_000)
    property_settings.load_profile("long" if os.environ.get("CHAOS") == "long" else "suite")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}


def pytest_sessionfinish() -> None:
    BESIDE.close()


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


@pytest.fixture
def people(db: None) -> "People":
    """Alice, Bob, Viola and Charlie (tests/people.py)."""
    from tests.people import make_people

    return make_people()


@pytest.fixture
def storage(tmp_path: Path, settings: object) -> Path:
    """Django's default storage in a folder of this test."""
    settings.STORAGES = settings.STORAGES | {  # type: ignore[attr-defined]
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "storage")},
        }
    }
    return tmp_path / "storage"


@pytest.fixture(scope="session")
def stack() -> Iterator["RunningStack"]:
    """The whole platform in real processes on free ports, as `manage.py up` runs it; started once per session."""
    from tests.stack import running_stack

    with running_stack() as running:
        yield running
