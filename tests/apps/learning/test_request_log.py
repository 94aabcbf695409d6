"""What is kept of requests, for how long, who sees it, and how a correction becomes data."""

from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.datasets.models import DatasetVersion
from apps.endpoints.services.change_endpoint import change_endpoint
from apps.endpoints.services.publish_config import build_config
from apps.learning.models import LoggedRequest, Replay
from apps.learning.rules import agree, answers_of_result, in_short, rows_of
from apps.learning.services.forget_requests import forget_requests
from apps.learning.services.keep_requests import keep_requests
from contracts.problems import Problem
from tests.apps.learning.keeping import keep, kept
from tests.people import key_for
from tests.things import a_model_version

pytestmark = pytest.mark.django_db


def page(name, world, *more):
    return reverse(f"learning:{name}", args=["acme", world.endpoint.pk, *more])


def as_caller(world, user, scopes=("read", "write")):
    _, secret = key_for(world.people.organisation, user, scopes)
    return Client(headers={"authorization": f"Bearer {secret}"})


def test_nothing_is_published_or_kept_until_an_endpoint_asks_for_it(world):
    assert [one.log_share for one in build_config(1).endpoints] == [1.0]
    change_endpoint(world.endpoint, request_log={"share": 0}, by=world.people.bob)
    assert [one.log_share for one in build_config(1).endpoints] == [0.0]
    assert keep_requests([kept(world, [{"mass": 1}], ["a"])]) == 0
    assert not LoggedRequest.objects.exists()


def test_a_repeated_post_adds_nothing_and_a_foreign_deployment_is_left_out(world):
    one = kept(world, [{"mass": 1}], ["a"])
    assert keep_requests([one]) == 1
    assert keep_requests([one]) == 0
    assert keep_requests([kept(world, [{"mass": 1}], ["a"], deployment="dep_foreign")]) == 0


def test_old_requests_go_and_so_do_the_oldest_beyond_the_bound(world):
    change_endpoint(world.endpoint, request_log={"days": 3, "megabytes": 1}, by=world.people.bob)
    old, first, second, third = (keep(world, mass) for mass in (1.0, 2.0, 3.0, 4.0))
    LoggedRequest.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=4))
    LoggedRequest.objects.filter(pk__in=[first.pk, second.pk, third.pk]).update(size_bytes=400_000)
    assert forget_requests() == 2
    assert set(LoggedRequest.objects.values_list("pk", flat=True)) == {second.pk, third.pk}
    world.endpoint.deleted_at = timezone.now()
    world.endpoint.save()
    assert forget_requests() == 2


def test_settings_that_make_no_sense_are_refused_by_name(world):
    with pytest.raises(Problem) as refused:
        change_endpoint(world.endpoint, request_log={"share": 2, "days": 0, "colour": 1}, by=world.people.bob)
    assert [one["location"] for one in refused.value.errors] == [
        "request_log.share",
        "request_log.days",
        "request_log.colour",
    ]


def test_the_page_and_rest_show_question_answer_and_filters(world):
    keep(world, 3.25, "a", request_id="mine")
    keep(world, 4.5, "a", status=422, answer='{"code": "yours:row-invalid"}')
    shown = world.bob.get(page("requests", world)).content.decode()
    assert "3.25" in shown
    assert "422" in shown
    only_bad = world.bob.get(page("requests", world), {"status": "refused"}).content.decode()
    assert "3.25" not in only_bad
    caller = as_caller(world, world.people.bob)
    found = caller.get("/api/v1/endpoints/penguins/requests?text=mine").json()["data"]
    assert [one["rows"] for one in found] == [
        [{"values": {"mass": 3.25}, "prediction": {"label": "a", "probabilities": {"a": 1.0}}, "label": None}]
    ]


def test_a_viewer_does_not_see_what_callers_sent(world):
    one = keep(world)
    viola = Client()
    viola.force_login(world.people.viola)
    assert viola.get(page("requests", world)).status_code == 403
    assert viola.get(page("request", world, one.pk)).status_code == 403
    reader = as_caller(world, world.people.viola, ("read",))
    assert reader.get("/api/v1/endpoints/penguins/requests").status_code == 403


def test_a_corrected_answer_becomes_a_row_of_a_new_dataset_version(world):
    one = keep(world, 42.5, "a")
    world.bob.post(page("label", world, one.pk), {"row": "0", "label": "b"})
    world.bob.post(page("take-labels", world))
    grown = DatasetVersion.objects.get(extends=world.data)
    with default_storage.open(grown.upload_key) as file:
        table = pq.read_table(file)
    assert table.num_rows == 101
    assert table.slice(100).to_pylist() == [{"mass": 42.5, "species": "b"}]
    one.refresh_from_db()
    assert one.taken_into == grown
    again = as_caller(world, world.people.bob).post("/api/v1/endpoints/penguins/labels")
    assert again.json()["code"] == "yours:state"


def test_a_label_of_a_row_that_was_not_sent_is_refused(world):
    one = keep(world)
    answer = as_caller(world, world.people.bob).post(
        f"/api/v1/endpoints/penguins/requests/{one.pk}/label", {"row": 7, "label": "b"}, content_type="application/json"
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "row"


def test_a_replay_compares_what_was_said_with_what_another_version_says(world):
    first, second = keep(world, 1.0, "a"), keep(world, 2.0, "b")
    world.bob.post(page("replay-new", world), {"model_version": world.second.pk, "request": [first.pk, second.pk]})
    replay = Replay.objects.get()
    assert replay.batch.rows == 2
    assert replay.batch.model_version == world.second
    waiting = world.bob.get(page("replay", world, replay.pk))
    assert waiting.status_code == 200
    text = "row,prediction,probability_a,probability_b,error\r\n0,a,1,0,\r\n1,a,1,0,\r\n"
    path = default_storage.path("result.csv")
    with open(path, "w", newline="") as file:
        file.write(text)
    replay.batch.result_key, replay.batch.state = "result.csv", "succeeded"
    replay.batch.save()
    told = as_caller(world, world.people.bob).get(f"/api/v1/endpoints/penguins/replays/{replay.pk}").json()
    by_request = {one["request"]: (one["then"], one["now"], one["agrees"]) for one in told["rows"]}
    assert sorted(by_request.values()) == [("a", "a", True), ("b", "a", False)]
    assert "1 of 2" in world.bob.get(page("replay", world, replay.pk)).content.decode()


def test_a_replay_of_nothing_that_is_kept_is_refused(world):
    one = keep(world, body="", is_cut=True)
    answer = as_caller(world, world.people.bob).post(
        "/api/v1/endpoints/penguins/replays",
        {"model_version": world.second.pk, "requests": [one.pk]},
        content_type="application/json",
    )
    assert answer.status_code == 422
    assert not Replay.objects.exists()


def test_a_version_of_another_organisation_cannot_be_asked(world):
    keep(world)
    foreign = a_model_version(world.people.elsewhere)
    answer = as_caller(world, world.people.bob).post(
        "/api/v1/endpoints/penguins/replays", {"model_version": foreign.pk}, content_type="application/json"
    )
    assert answer.status_code == 404


def test_rows_are_read_from_what_was_sent_and_from_nothing_else():
    assert rows_of(b'{"rows": [{"a": 1}, 2]}', "application/json; charset=utf-8", "predict", None) == [{"a": 1}]
    assert rows_of(b"{", "application/json", "predict", None) == []
    assert rows_of(b"[1]", "application/json", "predict", None) == []
    assert rows_of(b'{"rows": [{"a": 1}]}', "application/json", "v2", None) == []
    assert rows_of(b"\x89PNG", "image/png", "predict", None) == []


def test_numbers_agree_within_rounding_and_words_only_when_equal():
    assert agree("3.14159", "3.14159", "regression")
    assert not agree("3.14159", "3.1417", "regression")
    assert not agree("a", "A", "classification")
    assert in_short({"value": 2.0}) == "2"
    assert answers_of_result("row,prediction,error\r\n0,'=x,\r\n", "classification") == {0: ("=x", "")}
