"""Has the checkers of tests/architecture run beside the other tests: they take minutes of a core that is idle."""

from functools import partial
from subprocess import CompletedProcess

import pytest

from tests.architecture.checkers import CHECKERS, check
from tests.beside import BESIDE


def pytest_collection_finish(session: pytest.Session) -> None:
    chosen = {item.name for item in session.items}
    for name in CHECKERS:
        if name in chosen and not session.config.option.collectonly:
            BESIDE.begin(name, partial(check, name))


@pytest.fixture
def verdict(request: pytest.FixtureRequest) -> "CompletedProcess[str]":
    """What the checker of the asking test has to say."""
    return BESIDE.result(request.node.name)
