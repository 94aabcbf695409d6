"""Starts the type checker as soon as its test is chosen: it takes a minute of a core that other tests leave idle."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).resolve().parents[2]
_started: list[tuple[subprocess.Popen[str], IO[str]]] = []


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.option.collectonly and any(item.name == "test_the_types_fit" for item in session.items):
        output = tempfile.TemporaryFile("w+")  # noqa: SIM115  # lives as long as the checker
        checker = subprocess.Popen(
            [str(Path(sys.executable).with_name("mypy"))],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        _started.append((checker, output))


@pytest.fixture
def type_checker() -> tuple[subprocess.Popen[str], IO[str]]:
    """The running checker and the file it writes to."""
    return _started[0]


@pytest.fixture(scope="session", autouse=True)
def _ended_with_the_session() -> Iterator[None]:
    yield
    for checker, output in _started:
        checker.kill()
        checker.wait()
        output.close()
