"""The shipped examples travel the whole upload road: received, checked in the child, ready."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.datasets.services.check_version import check_version
from apps.datasets.services.create_dataset import create_dataset
from apps.datasets.services.receive_upload import receive_upload

pytestmark = pytest.mark.django_db
EXAMPLES = Path(settings.ROOT) / "examples"


def test_penguins_become_a_ready_table(people, storage):
    dataset = create_dataset(people.organisation, name="Penguins", created_by=people.alice)
    raw = (EXAMPLES / "penguins" / "train.csv").read_bytes()
    version = receive_upload(dataset, file=ContentFile(raw), file_name="train.csv", uploaded_by=people.alice)
    assert version.state == "received"
    assert check_version(version.pk) == "ready"
    version.refresh_from_db()
    assert (version.rows, version.inferred_task, version.inferred_target) == (275, "tabular_classification", "species")
    types = {column["name"]: column["type"] for column in version.columns}
    assert types["species"] == "category"
    assert types["body_mass_g"] == "number"
    assert {entry["label"] for entry in version.classes} == {"Adelie", "Gentoo", "Chinstrap"}
    with default_storage.open(version.canonical_key) as file:
        table = pq.read_table(file)
    assert table.num_rows == 275
    assert str(table.schema.field("body_mass_g").type) == "double"
    assert len(version.preview["rows"]) == 50


def test_digits_become_a_ready_image_set(people, storage):
    dataset = create_dataset(people.organisation, name="Digits", created_by=people.alice)
    raw = (EXAMPLES / "digits" / "train.zip").read_bytes()
    version = receive_upload(dataset, file=ContentFile(raw), file_name="train.zip", uploaded_by=people.alice)
    assert check_version(version.pk) == "ready"
    version.refresh_from_db()
    assert (version.rows, version.format, version.inferred_task) == (1437, "zip", "image_classification")
    assert [entry["label"] for entry in version.classes] == [str(digit) for digit in range(10)]
    assert version.canonical_sha256 == version.upload_sha256
    thumbnails = version.preview["thumbnails"]
    assert len(thumbnails) == 24
    assert all(shown["data_uri"].startswith("data:image/png;base64,") for shown in thumbnails)
