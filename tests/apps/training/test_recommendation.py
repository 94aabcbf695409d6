"""A recommendation run over REST: which columns it takes, what it remembers, and why it may be refused."""

from typing import Any

import pytest

from apps.training.board import board_of
from apps.training.models import Candidate, Run
from contracts.jobs import FAMILIES
from tests.apps.training.test_api import Caller
from tests.apps.training.trainer import Trainer, ready_version
from tests.people import People

pytestmark = pytest.mark.django_db
LOG = [
    {"name": "customer", "type": "id", "unique": 90, "missing": 0},
    {"name": "sku", "type": "category", "unique": 40, "missing": 0},
    {"name": "rating", "type": "number", "unique": 5, "missing": 0},
    {"name": "at", "type": "datetime", "unique": 500, "missing": 0},
]


@pytest.fixture
def owner(credit: People) -> Caller:
    return Caller(credit.organisation, credit.alice)


def wish(credit: People, columns: list[dict[str, Any]] = LOG, **values: Any) -> dict[str, Any]:
    version = ready_version(credit.organisation, columns=columns, rows=500)
    return {"dataset_version": version.id, "task": "recommendation", "budget_seconds": 60} | values


def test_the_item_is_the_target_and_the_roles_travel_to_the_trainer(owner: Caller, credit: People) -> None:
    answer = owner.post("runs", wish(credit, target="rating"))
    assert answer.status_code == 202, answer.content
    roles = {"user": "customer", "item": "sku", "rating": "rating", "weight": "", "time": "at"}
    assert (answer.json()["target"], answer.json()["options"]) == ("sku", {"roles": roles})
    job = Trainer.joined().claim()
    assert job is not None
    assert (job.target, job.options["roles"]) == ("sku", roles)


def test_roles_of_the_run_win_over_names(owner: Caller, credit: People) -> None:
    answer = owner.post("runs/estimate", wish(credit, options={"roles": {"rating": "", "time": ""}}))
    assert answer.status_code == 200, answer.content
    assert answer.json()["options"]["roles"]["time"] == ""
    assert answer.json()["seconds"] <= 60


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"columns": LOG[1:3]}, "yours:roles-unclear"),
        ({"options": {"roles": {"user": "nobody"}}}, "yours:roles-unclear"),
        ({"options": {"rolls": {}}}, "yours:invalid"),
        ({"columns": [LOG[0] | {"unique": 500}, *LOG[1:]]}, "yours:too-few-rows"),
        ({"columns": [LOG[0], LOG[1] | {"unique": 1}]}, "yours:one-class"),
        ({"families": ["linear"]}, "yours:invalid"),
    ],
)
def test_a_log_that_teaches_nothing_is_refused(
    owner: Caller, credit: People, values: dict[str, Any], code: str
) -> None:
    answer = owner.post("runs", wish(credit, **values))
    assert answer.status_code == 422
    assert answer.json()["code"] == code
    assert not Run.objects.exists()


def test_the_board_puts_the_best_ranking_first(owner: Caller, credit: People) -> None:
    run = Run.objects.get(id=owner.post("runs", wish(credit)).json()["id"])
    for place, (family, ndcg) in enumerate([("popularity", 0.1), ("ease", 0.6), ("item_knn", 0.4)]):
        Candidate.objects.create(run=run, family=family, position=place, state="done", metrics={"ndcg@10": ndcg})
    board = board_of(run)
    assert [row.family for row in board.rows] == ["ease", "item_knn", "popularity"]
    assert board.headline == "ndcg@10"


def test_the_recipe_tries_exactly_the_families_that_a_run_may_name() -> None:
    pytest.importorskip("torch", reason="the recipes need the `train` extra")
    from workers.train.ranking_families import FIT
    from workers.train.recipes import recommendation

    assert FAMILIES["recommendation"] == recommendation.FAMILIES == tuple(FIT)
