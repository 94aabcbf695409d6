"""The playground asks the data plane why, and shows what it says."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.endpoints.explained import can_be_explained, explained, most_rows_of
from apps.endpoints.services.create_endpoint import create_endpoint
from contracts.manifests import ColumnSpec, ModelManifest, OutputMeaning
from tests.people import give_credit, make_people
from tests.things import a_model_version

EXPLANATION = {
    "prediction": {"label": "a", "probabilities": {"a": 0.9, "b": 0.1}},
    "method": "shapley",
    "quantity": "probability",
    "label": "a",
    "answer": 0.9,
    "baseline": 0.4,
    "rows": 9,
    "is_exact": True,
    "columns": [{"column": "mass", "value": 4.5, "attribution": 0.5, "standard_error": 0.0}],
    "background": {"rows": 8, "source": "typical"},
    "unexplained": 0.0,
}
ANSWER = {
    "explanations": [EXPLANATION],
    "model_version": "ver_x",
    "usage": {"id": "u", "units": 9, "amount_micros": 900},
    "latency_ms": 1.5,
}


class Ear(ThreadingHTTPServer):
    """A data plane that says the same to everybody and remembers where it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Mouth)
        self.paths: list[str] = []


class Mouth(BaseHTTPRequestHandler):
    server: Ear

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def ear(settings: Any) -> Iterator[Ear]:
    server = Ear()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    settings.SERVE_INTERNAL_URL = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.django_db
def test_the_page_tells_the_price_before_and_the_shares_after(ear: Ear):
    people = make_people()
    give_credit(people.organisation)
    version = a_model_version(people.organisation)
    endpoint = create_endpoint(people.organisation, name="penguins", model_version=version, created_by=people.bob)
    client = Client()
    client.force_login(people.bob)
    address = reverse("endpoints:e-playground", args=[people.organisation.slug, endpoint.pk])
    assert 'name="explain"' in (before := client.get(address).content.decode())
    assert "up to 2 variations" in before  # one column, compared with one row
    after = client.post(address, {"c0": "4.5", "explain": "1"}).content.decode()
    assert ear.paths == ["/v1/explain/penguins"]
    assert "data-why" in after
    assert "+0.5" in after
    assert "$0.0009" in after or "€0.0009" in after or "0.0009" in after
    client.post(address, {"c0": "4.5"})
    assert ear.paths[1:] == ["/v1/predict/penguins"]


def manifest(kind: str, *columns: ColumnSpec, codec: str = "") -> ModelManifest:
    return ModelManifest("task", "target", "", 1, 17, [], [], OutputMeaning(kind), columns=list(columns), codec=codec)


def test_the_price_ahead_is_that_of_the_runs_the_data_plane_takes():
    numbers = [ColumnSpec(f"c{place}", "number", tensor="x", typical=[0.0] * 8) for place in range(5)]
    assert most_rows_of(manifest("regression", *numbers, ColumnSpec("unused", "number"))) == 1 + 8 * 31
    assert most_rows_of(manifest("classification", codec="image/rgb-uint8-v1")) == 51
    assert 200 < most_rows_of(manifest("classification", ColumnSpec("text", "text", tensor="text"))) <= 256
    assert can_be_explained(manifest("regression", *numbers))
    assert not can_be_explained(manifest("forecast", *numbers))
    assert not can_be_explained(manifest("regression", ColumnSpec("seen", "items", tensor="seen")))


def test_a_text_is_shown_whole_with_its_words_marked_by_their_share():
    text = "  not  good, really"
    words = [
        {"column": "t", "text": "not", "start": 2, "end": 7, "attribution": -0.4},
        {"column": "t", "text": "good,", "start": 7, "end": 13, "attribution": 0.1},
        {"column": "t", "text": "really", "start": 13, "end": 19, "attribution": 0.0},
    ]
    (shown,) = explained(EXPLANATION | {"columns": [], "words": words}, {"t": text}).texts
    assert "".join(word.text for word in shown.words) == text
    assert [(word.text, word.strength) for word in shown.words if word.strength] == [("not", -4), ("good,", 1)]
    assert [word.mark for word in shown.words if word.strength] == ["against-4", "for-1"]


def test_many_columns_are_shown_as_the_strongest_and_the_rest_together():
    columns = [
        {"column": f"c{place}", "value": 1, "attribution": 1 / (place + 1), "standard_error": None}
        for place in range(25)
    ]
    shown = explained(EXPLANATION | {"columns": columns}, {})
    assert len(shown.bars) == 20
    assert shown.others == 5
    assert shown.others_share == pytest.approx(sum(1 / place for place in range(21, 26)))
