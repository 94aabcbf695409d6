"""Has `manage.py demo` and `up` tell their story beside the other tests, which leave a core idle."""

import pytest

from tests.beside import BESIDE
from tests.journeys.story import Story, tell


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.option.collectonly and any("story" in getattr(i, "fixturenames", ()) for i in session.items):
        BESIDE.begin("story", tell)


@pytest.fixture
def story() -> Story:
    """What came of starting the platform three times on one folder."""
    return BESIDE.result("story")
