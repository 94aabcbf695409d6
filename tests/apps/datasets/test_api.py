"""The public API of datasets, through HTTP as a client sees it."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.datasets.models import DatasetVersion
from apps.datasets.services.check_version import check_version
from tests.people import key_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("warm_child")]
TABLE = "size,label\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(40))


class Caller:
    """An HTTP client with an API key."""

    def __init__(self, organisation, user, scopes=("read", "write")):
        _key, secret = key_for(organisation, user, scopes)
        self.client = Client(headers={"authorization": f"Bearer {secret}"})

    def get(self, path):
        return self.client.get(f"/api/v1/{path}")

    def post(self, path, body, **headers):
        return self.client.post(f"/api/v1/{path}", json.dumps(body), "application/json", headers=headers)

    def patch(self, path, body, **headers):
        return self.client.patch(f"/api/v1/{path}", json.dumps(body), "application/json", headers=headers)

    def delete(self, path):
        return self.client.delete(f"/api/v1/{path}")

    def upload(self, dataset, content=TABLE, name="train.csv", headers=None, **fields):
        file = SimpleUploadedFile(name, content.encode())
        return self.client.post(f"/api/v1/datasets/{dataset}/versions", {"file": file, **fields}, headers=headers or {})


@pytest.fixture
def alice(people, storage):
    return Caller(people.organisation, people.alice)


@pytest.fixture
def charlie(people, storage):
    return Caller(people.elsewhere, people.charlie)


@pytest.fixture
def dataset(alice):
    answer = alice.post("datasets", {"name": "Things", "task": "tabular_classification"})
    assert answer.status_code == 201
    return answer.json()["id"]


def test_a_table_goes_from_upload_to_ready(alice, dataset):
    answer = alice.upload(dataset, options=json.dumps({"target": "label"}))
    assert answer.status_code == 202
    sent = answer.json()
    assert (sent["state"], sent["number"], sent["bytes"], sent["sha256"]) == ("checking", 1, len(TABLE), None)
    assert answer.headers["Location"] == f"/api/v1/datasets/{dataset}/versions/{sent['id']}"
    assert alice.get(f"datasets/{dataset}/versions/{sent['id']}/preview").json()["code"] == "yours:dataset-not-ready"
    check_version(sent["id"])
    version = alice.get(f"datasets/{dataset}/versions/{sent['id']}").json()
    assert (version["state"], version["rows"], version["inferred_target"]) == ("ready", 40, "label")
    assert len(version["sha256"]) == 64
    assert [(column["name"], column["type"], column["missing"]) for column in version["columns"]] == [
        ("size", "number", 0),
        ("label", "category", 0),
    ]
    assert version["classes"] == [{"label": "a", "count": 20}, {"label": "b", "count": 20}]
    assert version["splits"]["kind"] == "stratified"
    assert "preview" not in version
    with_preview = alice.get(f"datasets/{dataset}/versions/{sent['id']}?include=preview").json()
    assert with_preview["preview"]["rows"][0] == [0, "a"]
    assert alice.get(f"datasets/{dataset}/versions/{sent['id']}/preview").json()["preview"] == with_preview["preview"]


def test_a_refused_file_says_where_and_what_to_do(alice, dataset):
    sent = alice.upload(dataset, TABLE + "1,2,3\n").json()
    check_version(sent["id"])
    version = alice.get(f"datasets/{dataset}/versions/{sent['id']}").json()
    assert version["state"] == "refused"
    issue = version["issues"][0]
    assert (issue["code"], issue["severity"], issue["location"]) == ("yours:csv-ragged", "error", "line 42")
    assert issue["fix"]


def test_the_same_file_answers_200_and_says_so(alice, dataset):
    first = alice.upload(dataset).json()
    again = alice.upload(dataset)
    assert (again.status_code, again.json()["id"], again.json()["already_uploaded"]) == (200, first["id"], True)


def test_an_upload_repeated_with_its_key_has_its_effect_once(alice, dataset):
    headers = {"Idempotency-Key": "upload-1"}
    first, again = (alice.upload(dataset, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert DatasetVersion.objects.count() == 1
    assert alice.upload(dataset, TABLE + "9,a\n", headers=headers).json()["code"] == "yours:idempotency-reuse"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"options": "{"}, "yours:malformed"),
        ({"options": '{"colour": 1}'}, "yours:invalid"),
        ({"sha256": "0" * 64}, "yours:checksum-mismatch"),
        ({"colour": "red"}, "yours:invalid"),
    ],
)
def test_a_wrong_form_is_refused(alice, dataset, fields, code):
    answer = alice.upload(dataset, **fields)
    assert answer.json()["code"] == code
    assert 400 <= answer.status_code < 500
    assert DatasetVersion.objects.count() == 0


def test_an_upload_without_a_file_is_refused(alice, dataset):
    answer = alice.client.post(f"/api/v1/datasets/{dataset}/versions", {"options": "{}"})
    assert (answer.status_code, answer.json()["code"]) == (422, "yours:invalid")
    as_json = alice.post(f"datasets/{dataset}/versions", {"file": "x"})
    assert as_json.json()["code"] in ("yours:invalid", "yours:unsupported-media")
    assert as_json.status_code < 500


def test_a_form_of_too_many_parts_is_refused(alice, dataset):
    answer = alice.upload(dataset, **{f"f{n}": "x" for n in range(1200)})
    assert 400 <= answer.status_code < 500


def test_a_file_name_never_becomes_a_path(alice, dataset):
    version = alice.upload(dataset, name="..\\..\\evil.csv").json()
    row = DatasetVersion.objects.get(pk=version["id"])
    assert "/" not in version["file_name"]
    assert "\\" not in version["file_name"]
    assert row.upload_key.startswith("uploads/")
    assert "evil" not in row.upload_key


def test_lists_are_pages_newest_first(alice, dataset):
    for number in range(3):
        alice.upload(dataset, TABLE + f"{number},a\n")
    page = alice.get(f"datasets/{dataset}/versions?limit=2").json()
    assert [version["number"] for version in page["data"]] == [3, 2]
    rest = alice.get(f"datasets/{dataset}/versions?limit=2&cursor={page['next_cursor']}").json()
    assert ([version["number"] for version in rest["data"]], rest["has_more"]) == ([1], False)
    listed = alice.get("datasets").json()["data"][0]
    assert (listed["version_count"], listed["newest_version"]["number"]) == (3, 3)


def test_a_change_needs_the_current_etag(alice, dataset):
    etag = alice.get(f"datasets/{dataset}").headers["ETag"]
    changed = alice.patch(f"datasets/{dataset}", {"name": "Other things"}, **{"If-Match": etag})
    assert changed.json()["name"] == "Other things"
    late = alice.patch(f"datasets/{dataset}", {"name": "Late"}, **{"If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "yours:stale")


@pytest.mark.parametrize(
    "body", [{"name": ""}, {"name": "x" * 121}, {}, {"name": "x", "task": "magic"}, {"name": "x", "size": 1}]
)
def test_a_dataset_needs_a_name_and_a_known_task(alice, body):
    answer = alice.post("datasets", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "yours:invalid")


def test_a_deleted_dataset_is_gone(alice, dataset):
    version = alice.upload(dataset).json()["id"]
    assert alice.delete(f"datasets/{dataset}").status_code == 204
    for path in (f"datasets/{dataset}", f"datasets/{dataset}/versions", f"datasets/{dataset}/versions/{version}"):
        assert alice.get(path).json()["code"] == "yours:not-found"
    assert alice.delete(f"datasets/{dataset}").status_code == 404
    assert alice.get("datasets").json()["data"] == []


def test_a_stranger_finds_nothing(alice, charlie, dataset):
    version = alice.upload(dataset).json()["id"]
    own = charlie.post("datasets", {"name": "Mine"}).json()["id"]
    paths = [f"datasets/{dataset}", f"datasets/{dataset}/versions", f"datasets/{dataset}/versions/{version}"]
    paths += [f"{paths[2]}/preview", f"datasets/{own}/versions/{version}", f"datasets/{own}/versions/{version}/preview"]
    assert {charlie.get(path).status_code for path in paths} == {404}
    assert charlie.upload(dataset).status_code == 404
    assert charlie.patch(f"datasets/{dataset}", {"name": "Taken"}).status_code == 404
    assert charlie.delete(f"datasets/{dataset}").status_code == 404
    assert [entry["id"] for entry in charlie.get("datasets").json()["data"]] == [own]


def test_reading_is_not_writing(people, storage, dataset):
    reader = Caller(people.organisation, people.bob, scopes=("read",))
    assert reader.get(f"datasets/{dataset}").status_code == 200
    assert reader.upload(dataset).status_code == 403
    assert reader.post("datasets", {"name": "x"}).status_code == 403
    assert reader.delete(f"datasets/{dataset}").status_code == 403
