"""A pytest plugin: throw-away PostgreSQL and Valkey for one test session, started before Django reads its settings.

Loaded with `-p embedded.pytest_servers`; a conftest.py would be too late, pytest-django reads the settings earlier.
DATABASE_URL and REDIS_URL, when set, are used instead. Workers of pytest-xdist inherit both and take a Redis
database each.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from embedded.postgres import FAST_AND_LOSSY
from embedded.processes import Supervisor
from embedded.servers import start_servers

_started: list[tuple[Supervisor, Path]] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        os.environ["REDIS_URL"] = _own_database(os.environ["REDIS_URL"], int(worker.removeprefix("gw")) + 1)
    else:
        _start()
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    while _started:
        supervisor, folder = _started.pop()
        supervisor.close()
        shutil.rmtree(folder, ignore_errors=True)


def _start() -> None:
    folder = Path(tempfile.mkdtemp(prefix="modelyard-tests-"))
    folder.chmod(0o755)  # PostgreSQL's user has to walk through it
    os.environ["MODELYARD_DATA"] = str(folder)
    supervisor = Supervisor(folder / "logs")
    _started.append((supervisor, folder))
    addresses = start_servers(
        supervisor,
        folder,
        postgres_settings=FAST_AND_LOSSY,
        database_url=os.environ.get("DATABASE_URL", ""),
        redis_url=os.environ.get("REDIS_URL", ""),
    )
    os.environ.update(addresses)


def _own_database(url: str, number: int) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{number}"))
