"""Uploads: what is stored, what is refused before any check, what happens when the same file comes again."""

import hashlib
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.accounts.models import AuditEntry, Switch
from apps.datasets.models import DatasetVersion
from apps.datasets.queries import stuck_checks
from apps.datasets.rules import CHECK_ATTEMPTS, clean_file_name
from apps.datasets.services import check_version as checking
from apps.datasets.services.check_version import check_version
from apps.datasets.services.create_dataset import create_dataset
from apps.datasets.services.delete_dataset import delete_dataset
from apps.datasets.services.examine_upload import ChildLost
from apps.datasets.services.receive_upload import receive_upload
from apps.outbox.models import OutboxMessage
from contracts.problems import Problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("warm_child")]
TABLE = "size,label\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(40))


@pytest.fixture
def dataset(people, storage):
    return create_dataset(people.organisation, name="Things", created_by=people.alice)


def upload(dataset, content=TABLE, name="things.csv", **more):
    raw = content.encode() if isinstance(content, str) else content
    return receive_upload(dataset, file=ContentFile(raw), file_name=name, uploaded_by=dataset.created_by, **more)


def stored_uploads():
    return default_storage.listdir("uploads")[1] if default_storage.exists("uploads") else []


def test_the_bytes_are_stored_and_hashed_and_a_check_is_asked_for(dataset):
    version = upload(dataset)
    assert (version.number, version.state, version.upload_bytes) == (1, "received", len(TABLE))
    assert version.upload_sha256 == hashlib.sha256(TABLE.encode()).hexdigest()
    with default_storage.open(version.upload_key) as file:
        assert file.read() == TABLE.encode()
    assert OutboxMessage.objects.get(topic="check-upload").payload == {"version": version.pk}
    assert AuditEntry.objects.filter(action="dataset.upload", subject=version.pk).exists()


def test_the_same_file_again_makes_no_new_version(dataset):
    first, again = upload(dataset), upload(dataset, name="copy.csv")
    assert again.pk == first.pk
    assert again.is_repeat
    assert len(stored_uploads()) == 1
    other_options = upload(dataset, options={"target": "label"})
    assert other_options.number == 2


def test_a_refused_file_may_be_tried_again(dataset):
    first = upload(dataset, "a,a\n1,2\n")
    assert check_version(first.pk) == "refused"
    assert upload(dataset, "a,a\n1,2\n").pk != first.pk


def test_a_file_above_the_limit_leaves_nothing_behind(dataset, settings):
    settings.UPLOAD_MAX_BYTES = 100
    with pytest.raises(Problem) as caught:
        upload(dataset)
    assert (caught.value.code, caught.value.status) == ("yours:file-too-large", 413)
    assert stored_uploads() == []


def test_a_stream_of_unknown_length_is_cut_at_the_limit(dataset, settings):
    settings.UPLOAD_MAX_BYTES = 100
    file = ContentFile(TABLE.encode())
    file.size = None
    with pytest.raises(Problem, match="yours:file-too-large"):
        receive_upload(dataset, file=file, file_name="x.csv", uploaded_by=None)
    assert stored_uploads() == []


def test_a_damaged_transfer_is_noticed(dataset):
    with pytest.raises(Problem, match="yours:checksum-mismatch"):
        upload(dataset, expected_sha256="0" * 64)
    assert stored_uploads() == []
    assert upload(dataset, expected_sha256=hashlib.sha256(TABLE.encode()).hexdigest().upper()).number == 1


def test_an_empty_file_is_refused_at_once(dataset):
    with pytest.raises(Problem, match="yours:file-empty"):
        upload(dataset, b"")


def test_uploads_pause_when_operators_say_so(dataset):
    wanted = {"is_on": True, "reason": "The storage is being moved."}
    Switch.objects.update_or_create(name="pause-uploads", defaults=wanted)
    with pytest.raises(Problem, match="The storage is being moved") as caught:
        upload(dataset)
    assert caught.value.status == 503


def test_a_deleted_dataset_takes_no_upload(dataset):
    delete_dataset(dataset, by=dataset.created_by)
    with pytest.raises(Problem, match="yours:not-found"):
        upload(dataset)
    assert stored_uploads() == []


@pytest.mark.parametrize(
    "options",
    [
        [],
        {"colour": 1},
        {"types": {"size": "integer"}},
        {"types": []},
        {"target": 5},
        {"task": "magic"},
        {"missing": "NA"},
        {"missing": [1]},
    ],
)
def test_wrong_options_are_named(dataset, options):
    with pytest.raises(Problem) as caught:
        upload(dataset, options=options)
    assert caught.value.code == "yours:invalid"
    assert caught.value.errors[0]["location"].startswith("options")


def test_a_file_name_is_only_ever_a_name():
    assert clean_file_name("../../etc/pass\r\nwd") == "passwd"
    assert clean_file_name("C:\\data\\train.csv") == "train.csv"
    assert clean_file_name("/") == "upload"
    assert len(clean_file_name("x" * 1000 + ".csv")) == 255


def test_a_check_is_claimed_once(dataset):
    version = upload(dataset)
    assert check_version(version.pk) == "ready"
    assert check_version(version.pk) == ""
    version.refresh_from_db()
    assert version.check_attempts == 1
    assert AuditEntry.objects.filter(action="dataset.ready", subject=version.pk).count() == 1


def test_user_options_overrule_what_the_file_suggests(dataset):
    options = {"types": {"size": "category"}, "target": "size", "missing": ["7"]}
    version = upload(dataset, options=options)
    assert check_version(version.pk) == "ready"
    version.refresh_from_db()
    column = version.columns[0]
    assert (column["type"], column["is_overridden"], column["missing"]) == ("category", True, 1)
    assert (version.inferred_target, version.inferred_task) == ("size", "tabular_classification")


def test_a_target_that_is_not_there_refuses_the_file(dataset):
    version = upload(dataset, options={"target": "colour"})
    assert check_version(version.pk) == "refused"
    version.refresh_from_db()
    assert version.issues[0]["code"] == "yours:target-unknown"


def test_the_task_of_the_dataset_guides_the_guess(people, storage):
    dataset = create_dataset(people.organisation, name="Sizes", task="tabular_regression", created_by=people.alice)
    version = upload(dataset, "label,size,weight\n" + "".join(f"{'ab'[n % 2]},{n},{n * n}\n" for n in range(40)))
    assert check_version(version.pk) == "ready"
    version.refresh_from_db()
    assert version.inferred_task == "tabular_regression"


def test_two_files_with_the_same_data_are_told_to_be_the_same(dataset):
    first, second = upload(dataset), upload(dataset, TABLE.replace("\n", "\r\n"))
    assert (check_version(first.pk), check_version(second.pk)) == ("ready", "ready")
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.canonical_sha256 == second.canonical_sha256
    assert first.splits == second.splits
    assert "data:same-content" in [issue["code"] for issue in second.issues]


def test_a_lost_check_is_found_and_given_up_after_three_attempts(dataset, monkeypatch):
    def lose(*_args, **_named):
        raise ChildLost("killed from outside")

    monkeypatch.setattr(checking, "examine_upload", lose)
    version = upload(dataset)
    for attempt in range(1, CHECK_ATTEMPTS + 1):
        assert check_version(version.pk) == "checking"
        assert check_version(version.pk) == ""  # the lease holds
        assert stuck_checks() == []
        row = DatasetVersion.objects.filter(pk=version.pk)
        assert row.get().check_attempts == attempt
        row.update(check_lease_until=timezone.now() - timedelta(seconds=1))
        assert stuck_checks() == [version.pk]
    assert check_version(version.pk) == "refused"
    version.refresh_from_db()
    assert [issue["code"] for issue in version.issues] == ["ours:internal"]


def test_a_forgotten_upload_is_found(dataset):
    version = upload(dataset)
    assert stuck_checks() == []
    DatasetVersion.objects.filter(pk=version.pk).update(created_at=timezone.now() - timedelta(minutes=5))
    assert stuck_checks() == [version.pk]


def test_a_check_whose_lease_ran_out_cannot_write(dataset, monkeypatch):
    version = upload(dataset)
    examine = checking.examine_upload

    def overtaken(*args, **named):
        found = examine(*args, **named)
        DatasetVersion.objects.filter(pk=version.pk).update(check_attempts=2)  # another worker claimed it meanwhile
        return found

    monkeypatch.setattr(checking, "examine_upload", overtaken)
    assert check_version(version.pk) == ""
    version.refresh_from_db()
    assert (version.state, version.rows) == ("checking", 0)


def test_bytes_that_changed_in_the_storage_are_no_data(dataset, storage):
    version = upload(dataset)
    (storage / version.upload_key).write_text(TABLE + "1,a\n")
    assert check_version(version.pk) == "checking"
