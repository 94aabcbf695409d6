"""The search of boosting's settings: repeats from its checkpoint, goes on where it was, ships only what gained."""

from pathlib import Path
from typing import Any

import pytest

from tests.workers.train.jobs import job_folder, lines_of, table_bytes
from workers.train import search
from workers.train.run import run
from workers.train.search import Trial


def trials(count: int) -> list[Trial]:
    return [Trial(dict(search.USUAL, leaves=8 + 3 * n), 0.5 - 0.01 * n, 0.1) for n in range(count)]


def test_a_proposal_follows_from_the_seed_and_the_trials_before_it() -> None:
    before = trials(9)
    first = search._proposal(before, 7)
    assert first == search._proposal(before, 7)
    assert first != search._proposal(before, 8)
    assert first.keys() == search.SPACE.keys()
    style = search.style_of(first)
    assert isinstance(style.leaves, int)
    assert 4 <= style.leaves <= 128


def test_a_run_that_asks_for_it_shows_its_search_on_the_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "TRIALS_MOST", 6)
    options: dict[str, Any] = {"search": True}
    folder = job_folder(
        tmp_path, table_bytes(150), families=["gradient_boosting"], budget_seconds=12.0, options=options
    )
    run(folder, threads=1)
    shown = [
        line["candidate"] for line in lines_of(folder, "candidate") if line["candidate"]["family"] == search.FAMILY
    ]
    assert shown[0]["state"] == "fitting"
    assert shown[-1]["state"] in ("done", "skipped")
    assert shown[-1]["note"].startswith("6 trials")
