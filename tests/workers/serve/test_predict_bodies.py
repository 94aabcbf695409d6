"""What else `/v1/predict` takes: a plain text, a form of several images, columns left out."""

import io
from typing import Any

import pytest
from PIL import Image

from tests.workers.serve import models, typed_models
from tests.workers.serve.conftest import Shop
from tests.workers.serve.serving import wait_for
from tests.workers.serve.test_predict import picture
from tests.workers.serve.test_refusals import refused
from workers.serve.multipart import MOST_PARTS, read_parts
from workers.serve.problems import Refused


@pytest.fixture(scope="module")
def wide(shop: Shop) -> Shop:
    shop.control.endpoint(shop.organisation, "review", typed_models.text_classifier())
    shop.control.endpoint(shop.organisation, "filled", typed_models.with_defaults())
    shop.control.endpoint(shop.organisation, "photo-copy", models.image_classifier())
    shop.server.publish()
    return shop


def test_a_text_that_would_eat_the_memory_is_refused_and_a_long_one_is_not(wide: Shop):
    assert wide.server.post(wide.key, "review", b"a" * 100_000, "text/plain").status_code == 200
    refused(wide.server.post(wide.key, "review", b"a" * 100_001, "text/plain"), 413, "yours:too-large")


@pytest.mark.parametrize("media", ["text/plain", "text/plain; charset=utf-8", 'Text/Plain; charset="UTF-8"'])
def test_a_text_body_is_the_value_of_the_one_text_column(wide: Shop, media: str):
    for text, label in (("good", "yes"), ("schön", "no"), ("", "no")):
        answer = wide.server.post(wide.key, "review", text.encode(), media)
        assert answer.status_code == 200, answer.text
        assert answer.json()["predictions"][0]["label"] == label
        assert answer.json()["usage"]["units"] == 1
    assert wide.server.predict(wide.key, "review", {"review": "good"}).json()["predictions"][0]["label"] == "yes"


def test_text_bodies_that_cannot_be_taken(wide: Shop):
    refused(wide.server.post(wide.key, "churn", b"good", "text/plain"), 415, "yours:unsupported-media")
    latin = wide.server.post(wide.key, "review", b"good", "text/plain; charset=latin-1")
    refused(latin, 415, "yours:unsupported-media")
    refused(wide.server.post(wide.key, "review", b"sch\xf6n", "text/plain"), 400, "yours:malformed")


def form(*parts: tuple[str, bytes]) -> dict[str, Any]:
    return {"files": [(name, (f"{name}.png", data, "image/png")) for name, data in parts]}


def send(shop: Shop, *parts: tuple[str, bytes]) -> Any:
    headers = {"Authorization": f"Bearer {shop.key}"}
    return shop.server.http.post("/v1/predict/photo", headers=headers, **form(*parts))


def test_several_images_are_one_request_of_that_many_units(wide: Shop):
    parts = [("a", "red", (40, 30)), ("b", "blue", (8, 8)), ("c", "red", (8, 8)), ("d", "blue", (40, 30))]
    answer = send(wide, *((name, picture(colour, size)) for name, colour, size in parts))
    assert answer.status_code == 200, answer.text
    assert [one["label"] for one in answer.json()["predictions"]] == ["yes", "no", "yes", "no"]
    assert answer.json()["usage"]["units"] == 4
    record = wait_for(lambda: wide.control.usage.get(answer.headers["Usage-Id"]))
    assert (record["units"], record["amount_micros"]) == (4, 400)


def bitmap(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG")
    return file.getvalue()


def test_a_bad_image_is_named_by_its_part_and_nothing_is_charged(wide: Shop):
    good = picture("red")
    body = refused(send(wide, ("front", good), ("back", good[:60])), 400, "yours:malformed")
    assert [error["location"] for error in body["errors"]] == ["back"]
    body = refused(send(wide, ("side", good), ("side", b"")), 400, "yours:malformed")
    assert [error["location"] for error in body["errors"]] == ["side[1]"]
    body = refused(send(wide, ("one", bitmap(4600)), ("two", bitmap(4600))), 422, "yours:image-pixels")
    assert [error["location"] for error in body["errors"]] == ["two"]


def test_forms_that_are_broken_or_too_long(wide: Shop):
    refused(send(wide, *[("a", b"x")] * (MOST_PARTS + 1)), 413, "yours:too-large")
    for body, media in (
        (b"--x\r\n\r\n--x--", "multipart/form-data"),
        (b"nothing", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nno end', "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Type: image/png\r\n\r\nabc\r\n--x--", "multipart/form-data; boundary=x"),
    ):
        refused(wide.server.post(wide.key, "photo", body, media), 400, "yours:malformed")
    rows = wide.server.http.post(
        "/v1/predict/churn", headers={"Authorization": f"Bearer {wide.key}"}, **form(("a", b"x"))
    )  # fmt: skip
    refused(rows, 415, "yours:unsupported-media")


def test_a_parts_content_may_hold_line_ends_and_dashes():
    content = b"\r\n--y\r\n--\r\n\r\n"
    body = b"preamble\r\n--x \r\nContent-Disposition: form-data; name=a\r\n\r\n%b\r\n--x--\r\nepilogue" % content
    assert read_parts(body, b'multipart/form-data; boundary="x"') == [("a", content)]
    with pytest.raises(Refused):
        read_parts(body.replace(b"name=a", b"title=a"), b"multipart/form-data; boundary=x")


def test_columns_may_be_left_out_where_they_are_optional_or_have_a_default(wide: Shop):
    answer = wide.server.predict(wide.key, "filled", {}, {"x": 2}, {"x": None, "y": 1}, {"y": None})
    assert [one["value"] for one in answer.json()["predictions"]] == [7.0, 2.0, 7.0, 7.0]
