"""The form of a new run says what REST says: the metric of a label and how rows are held out."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.training.models import Run
from tests.things import a_dataset_version

pytestmark = pytest.mark.django_db
COLUMNS = [
    {"name": "mass", "type": "number", "unique": 90},
    {"name": "seen", "type": "datetime"},
    {"name": "species", "type": "category", "unique": 2},
]
FIELDS = {"task": "tabular_classification", "target": "species", "pool": "cpu", "budget_seconds": "30"}


@pytest.fixture
def start(credit, pools):
    version = a_dataset_version(credit.organisation, columns=COLUMNS)
    client = Client()
    client.force_login(credit.bob)
    page = f"{reverse('training:new', args=['acme'])}?dataset_version={version.pk}"
    return lambda **fields: client.post(page, FIELDS | fields)


def test_a_form_left_alone_sets_no_option(start):
    assert start(metric="log_loss").status_code == 302
    assert Run.objects.get().options == {}


def test_metric_and_split_reach_the_run(start):
    fields = {"metric": "f1", "split_kind": "time", "split_column": "seen", "test_share": "30", "search": "on"}
    assert start(**fields, precision="int8").status_code == 302
    wanted = {
        "metric": "f1",
        "search": True,
        "precision": "int8",
        "splits": {"kind": "time", "column": "seen", "test_share": 0.3},
    }
    assert Run.objects.get().options == wanted


def test_a_split_by_time_without_its_column_is_asked_for(start):
    answer = start(split_kind="time")
    assert answer.status_code == 200
    assert "Choose the column that tells the time or the group." in answer.content.decode()
    assert not Run.objects.exists()


def test_a_split_by_time_on_a_text_column_is_refused_in_words(start):
    answer = start(split_kind="time", split_column="species")
    assert "A split by time needs a date or number column." in answer.content.decode()
    assert not Run.objects.exists()


def test_a_regression_has_no_metric_of_labels(start):
    start(task="tabular_regression", target="mass", metric="f1", split_kind="group", split_column="species")
    assert Run.objects.get().options == {"splits": {"kind": "group", "column": "species"}}
