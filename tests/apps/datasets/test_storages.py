"""A folder and S3 behind one interface: the same upload, check and canonical file on both."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from moto import mock_aws

from apps.datasets.services.check_version import check_version
from apps.datasets.services.create_dataset import create_dataset
from apps.datasets.services.receive_upload import receive_upload
from contracts.problems import Problem

pytestmark = pytest.mark.django_db
BUCKET = "modelyard-tests"
TABLE = b"size,label\n" + b"".join(b"%d,%s\n" % (n, b"ab"[n % 2 : n % 2 + 1]) for n in range(40))


@pytest.fixture(params=["folder", "s3"])
def any_storage(request, settings, tmp_path) -> Iterator[str]:
    """Each test once on a folder and once on S3, where moto answers in place of the network."""
    folder = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path / "storage")},
    }
    s3_options = {"bucket_name": BUCKET, "region_name": "us-east-1", "location": "yard", "file_overwrite": True}
    s3 = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": s3_options}
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
        settings.STORAGES = {**settings.STORAGES, "default": folder if request.param == "folder" else s3}
        yield request.param


def test_a_table_becomes_ready_on_either_storage(people, any_storage):
    dataset = create_dataset(people.organisation, name="Things", created_by=people.alice)
    version = receive_upload(dataset, file=ContentFile(TABLE), file_name="x.csv", uploaded_by=people.alice)
    assert version.upload_sha256 == hashlib.sha256(TABLE).hexdigest()
    assert check_version(version.pk) == "ready"
    version.refresh_from_db()
    with default_storage.open(version.canonical_key) as file:
        raw = file.read()
    assert hashlib.sha256(raw).hexdigest() == version.canonical_sha256
    assert len(raw) == version.canonical_bytes
    assert version.canonical_key == f"datasets/{version.pk}/canonical.parquet"


def test_a_second_check_replaces_the_canonical_file(people, any_storage):
    dataset = create_dataset(people.organisation, name="Things", created_by=people.alice)
    version = receive_upload(dataset, file=ContentFile(TABLE), file_name="x.csv", uploaded_by=people.alice)
    default_storage.save(f"datasets/{version.pk}/canonical.parquet", ContentFile(b"half of it"))
    assert check_version(version.pk) == "ready"
    version.refresh_from_db()
    with default_storage.open(version.canonical_key) as file:
        assert hashlib.sha256(file.read()).hexdigest() == version.canonical_sha256


def test_a_file_of_many_megabytes_is_hashed_right(people, any_storage):
    raw = b"x,label\n" + b"123456789,a\n" * 1_500_000  # more than one part of a multipart upload
    dataset = create_dataset(people.organisation, name="Big", created_by=people.alice)
    version = receive_upload(dataset, file=ContentFile(raw), file_name="x.csv", uploaded_by=people.alice)
    assert (version.upload_bytes, version.upload_sha256) == (len(raw), hashlib.sha256(raw).hexdigest())
    with default_storage.open(version.upload_key) as file:
        assert hashlib.sha256(file.read()).hexdigest() == version.upload_sha256


def test_a_refused_upload_leaves_nothing_on_either_storage(people, any_storage):
    dataset = create_dataset(people.organisation, name="Things", created_by=people.alice)
    before = _uploads()
    with pytest.raises(Problem, match="yours:checksum-mismatch"):
        receive_upload(
            dataset, file=ContentFile(TABLE), file_name="x.csv", uploaded_by=people.alice, expected_sha256="0" * 64
        )
    assert _uploads() == before


def _uploads() -> set[str]:
    try:
        return set(default_storage.listdir("uploads")[1])
    except FileNotFoundError:
        return set()


def test_images_are_stored_as_they_came(people, any_storage):
    raw = (Path(django_settings.ROOT) / "examples" / "digits" / "train.zip").read_bytes()
    dataset = create_dataset(people.organisation, name="Digits", created_by=people.alice)
    version = receive_upload(dataset, file=ContentFile(raw), file_name="digits.zip", uploaded_by=people.alice)
    assert check_version(version.pk) == "ready"
    version.refresh_from_db()
    with default_storage.open(version.canonical_key) as file:
        assert file.read() == raw
