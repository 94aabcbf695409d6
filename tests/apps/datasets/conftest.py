"""A warmed checking child for tests whose claim is about the answer and not about the process that gives it."""

from collections.abc import Iterator

import pytest

from apps.datasets.services import examine_upload
from tests.apps.datasets.warm_child import WarmChild


@pytest.fixture(scope="session")
def _started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmChild]:
    child = WarmChild(tmp_path_factory.mktemp("warm-child"))
    yield child
    child.close()


@pytest.fixture
def warm_child(_started: WarmChild, monkeypatch: pytest.MonkeyPatch) -> WarmChild:
    """Uploads are checked by a fork of one process that has its imports behind it."""
    monkeypatch.setattr(examine_upload, "_run", _started.run)
    return _started
