"""The evidence on the version page: threshold picker, certainty, labels corrected into a new dataset version."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from apps.datasets.models import DatasetVersion
from apps.registry.evidence_page import certainty_of
from apps.registry.models import ModelVersion
from apps.registry.threshold_page import picker_of
from apps.training.models import Run
from contracts.manifests import EvaluationReport
from tests.people import People
from tests.things import EVALUATION, a_finished_run, a_model_version

SUSPECT = {"row": 1, "given": "a", "likely": "b", "given_share": 0.1, "likely_share": 0.9, "values": {"mass": 2.0}}
THRESHOLDS = [
    {"threshold": 0.2, "tp": 10, "fp": 8, "fn": 0, "tn": 2},
    {"threshold": 0.5, "tp": 7, "fp": 2, "fn": 3, "tn": 8},
    {"threshold": 0.8, "tp": 4, "fp": 0, "fn": 6, "tn": 10},
]


def report(**values: Any) -> EvaluationReport:
    plain: dict[str, Any] = {**EVALUATION, "classes": ["no", "yes"], "thresholds": THRESHOLDS, **values}
    return EvaluationReport(**plain)


def test_the_cheapest_threshold_follows_the_costs_of_the_errors() -> None:
    even = picker_of(report(), {})
    dear_misses = picker_of(report(), {"missed_cost": "10"})
    dear_alarms = picker_of(report(), {"false_alarm_cost": "10", "missed_cost": "0,5"})
    assert even
    assert dear_misses
    assert dear_alarms
    assert [one.best.threshold for one in (even, dear_misses, dear_alarms)] == [0.5, 0.2, 0.8]
    assert even.best.cost_per_1000 == 250
    assert even.now.precision == pytest.approx(7 / 9)


def test_a_cost_that_is_no_number_is_objected_to_and_a_model_of_three_classes_has_no_picker() -> None:
    wrong = picker_of(report(), {"missed_cost": "-3"})
    assert wrong
    assert wrong.objection
    assert picker_of(report(classes=["a", "b", "c"]), {}) is None


def test_certainty_is_said_only_where_it_was_measured() -> None:
    assert certainty_of(report()) == ""
    words = certainty_of(report(gain={"certainty": 0.973}, intervals={"accuracy": [0.8, 0.95]}))
    assert "97.3 %" in words
    assert "80.0 % and 95.0 %" in words


@pytest.fixture
def version(people: People, storage: Any) -> ModelVersion:
    sink = io.BytesIO()
    pq.write_table(pa.table({"mass": [1.0, 2.0, 3.0], "species": ["a", "a", "b"]}), sink)
    found = a_model_version(people.organisation, evaluation=EVALUATION | {"label_errors": [SUSPECT]})
    found.dataset_version.canonical_key = default_storage.save("datasets/one.parquet", ContentFile(sink.getvalue()))
    found.dataset_version.save()
    return found


def corrected(version: ModelVersion) -> pa.Table:
    newest = DatasetVersion.objects.get(dataset=version.dataset_version.dataset, number=2)
    with default_storage.open(newest.upload_key) as file:
        return pq.read_table(pa.BufferReader(file.read()))


@pytest.mark.django_db
@pytest.mark.parametrize(("deed", "left"), [("relabel", ["a", "b", "b"]), ("remove", ["a", "b"])])
def test_one_click_makes_a_new_version_of_the_data_and_leaves_the_old(
    deed: str, left: list[str], people: People, version: ModelVersion
) -> None:
    client = Client()
    client.force_login(people.alice)
    answer = client.post(f"/o/acme/model-versions/{version.id}/labels", {"one": f"{deed}:1"})
    assert f"/runs/{version.run_id}/again?dataset_version=" in answer["Location"]
    assert corrected(version)["species"].to_pylist() == left
    with default_storage.open(version.dataset_version.canonical_key) as file:
        assert pq.read_table(pa.BufferReader(file.read()))["species"].to_pylist() == ["a", "a", "b"]


@pytest.mark.django_db
def test_a_row_that_is_not_in_the_list_changes_nothing(people: People, version: ModelVersion) -> None:
    client = Client()
    client.force_login(people.alice)
    client.post(f"/o/acme/model-versions/{version.id}/labels", {"all": "remove", "row": ["0"]})
    assert DatasetVersion.objects.filter(dataset=version.dataset_version.dataset).count() == 1


@pytest.mark.django_db
def test_two_runs_are_compared_and_a_foreign_one_is_not_found(people: People) -> None:
    runs = [a_finished_run(people.organisation, metrics={"accuracy": share}) for share in (0.8, 0.9)]
    foreign: Run = a_finished_run(people.elsewhere)
    client = Client()
    client.force_login(people.alice)
    page = client.get(f"/o/acme/runs/compare?a={runs[0].id}&b={runs[1].id}").content.decode()
    assert "better" in page
    assert client.get(f"/o/acme/runs/compare?a={runs[0].id}&b={foreign.id}").status_code == 404
