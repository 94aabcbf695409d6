"""The candidate board: who is unbeaten on which axis, and what a variant shows of itself."""

from typing import Any

import pytest

from apps.training.board import _curves, board_of
from apps.training.models import Candidate, Run
from apps.training.representation import shown_candidate
from apps.training.services.upsert_candidates import upsert_candidates
from apps.web.charts.pareto import trade
from apps.web.templatetags.yard import shares
from contracts.jobs import CandidateReport
from tests.people import People
from tests.things import a_finished_run

pytestmark = pytest.mark.django_db


def report(family: str, accuracy: float, p95_ms: float, size_bytes: int, **more: Any) -> CandidateReport:
    scores = {"accuracy": accuracy, "log_loss": 1 - accuracy}
    return CandidateReport(family, "done", scores, latency_ms=p95_ms / 2, p95_ms=p95_ms, size_bytes=size_bytes, **more)


@pytest.fixture
def run(people: People) -> Run:
    made = a_finished_run(people.organisation)
    loss = {"rows": 400, "changed_labels": 0.002, "mean_difference": 0.001, "change": {"log_loss": 0.001, "odd": "no"}}
    upsert_candidates(
        made,
        [
            report("linear", 0.80, 0.1, 9_000, joules_per_1000=0.4, energy_source="estimate"),
            report("xgboost", 0.79, 0.2, 900_000),
            report("ensemble", 0.90, 3.0, 4_000_000, is_best=True),
            report("int8", 0.899, 2.0, 1_000_000, variant_of="ensemble", loss=loss),
        ],
    )
    return made


def test_the_frontier_holds_whom_nobody_beats_in_both(run: Run) -> None:
    points = {point["name"]: point for point in board_of(run).points}
    assert {name: point["frontier"] for name, point in points.items()} == {
        "linear": ["p95_ms", "size_bytes"],
        "xgboost": [],
        "ensemble": ["p95_ms", "size_bytes"],
        "ensemble, int8": ["p95_ms", "size_bytes"],
    }


def test_the_drawing_has_a_dot_and_a_name_for_each_and_names_the_axis(run: Run) -> None:
    board = board_of(run)
    for by, words in (("p95_ms", "ms for 95 %"), ("size_bytes", "size of the file")):
        drawn = trade(board.points, "Accuracy", by)
        assert drawn.count("<circle") == 4
        assert "ensemble, int8: " in drawn
        assert words in drawn
    assert trade(board.points[:1], "Accuracy") == ""


def test_points_at_one_place_are_drawn_too() -> None:
    point = {
        "number": 1,
        "name": "a",
        "score": 1.0,
        "p95_ms": 0.0,
        "is_best": True,
        "is_variant": False,
        "frontier": ["p95_ms"],
    }
    assert "nan" not in trade([point, point | {"name": "b"}], "Accuracy").lower()


def test_a_variant_tells_what_it_loses_and_only_numbers_are_kept(run: Run) -> None:
    shown = shown_candidate(Candidate.objects.get(run=run, family="int8"))
    assert shown["variant_of"] == "ensemble"
    assert shown["loss"]["change"] == {"log_loss": 0.001}
    assert shown["loss"]["rows"] == 400
    assert shown_candidate(Candidate.objects.get(run=run, family="linear"))["energy_source"] == "estimate"


def test_a_chart_of_loss_shows_the_latest_fit_and_never_one_point():
    run = Run(families=["linear", "boosting"])
    run.curve = [{"family": 0, "step": 0, "valid_loss": value} for value in (0.2, 0.1)]
    run.curve += [{"family": 1, "step": step, "valid_loss": 1 / step} for step in (10, 20, 30, 10, 20)]
    run.curve += [{"family": 1, "step": 20, "train_loss": 0.01}, {"family": 1, "step": 30, "train_loss": 0.005}]
    series = {"valid_loss": [(10, 0.1), (20, 0.05)], "train_loss": [(20, 0.01), (30, 0.005)]}
    assert _curves(run) == [{"title": "boosting", "fits": 2, "series": series}]


def test_the_parts_of_an_ensemble_are_named_in_words_and_other_notes_are_left_alone():
    told = shares("boosting_small 84%, extra_trees 16%")
    assert told == "Gradient boosting, small trees 84% · Extra trees 16%"
    assert shares("There was no time left, 3 of 5 folds") == "There was no time left, 3 of 5 folds"
