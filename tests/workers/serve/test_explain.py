"""Why an answer is what it is: shares of columns and words, heat of images, and what it costs to know."""

import io
import json
import math

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.workers.serve import explained_models as models
from tests.workers.serve.conftest import World
from tests.workers.serve.models import classifier
from tests.workers.serve.serving import wait_for

MEAN = sum(models.SPREAD) / len(models.SPREAD)
WEIGHTS = {"a": 2.0, "b": -1.5, "ignored": 0.0, "c": 0.25}
MANY = {f"c{place}": (-1) ** place * place / 10 for place in range(12)}


class Shop:
    def __init__(self, world: World) -> None:
        self.control, self.server = world.control, world.server
        self.organisation = self.control.organisation()
        self.key = self.control.key(self.organisation)
        self.stranger = self.control.key(self.control.organisation())
        made = {
            "sum": models.weighted(WEIGHTS),
            "product": models.weighted(WEIGHTS, multiplied=2),
            "many": models.weighted(MANY, multiplied=3),
            "mood": models.mood(),
            "corner": models.corner(),
            "churn": classifier(),
            "series": models.forecaster(),
        }
        self.endpoints = {
            name: self.control.endpoint(self.organisation, name, package, price=7) for name, package in made.items()
        }
        self.server.publish()

    def ask(self, endpoint: str, body: dict | bytes, kind: str = "", key: str = "", **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {key or self.key}", "Content-Type": kind or "application/json"} | headers
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.server.http.post(f"/v1/explain/{endpoint}", content=content, headers=sent)

    def explain(self, endpoint: str, row: dict, **options: object) -> dict:
        answer = self.ask(endpoint, {"rows": [row], **options})
        assert answer.status_code == 200, answer.text
        (explanation,) = answer.json()["explanations"]
        return explanation


@pytest.fixture(scope="session")
def explained(world: World) -> Shop:
    return Shop(world)


def shares(explanation: dict) -> dict[str, float]:
    return {entry["column"]: entry["attribution"] for entry in explanation["columns"]}


def picture(red_corner: tuple[int, int]) -> bytes:
    """Blue, with a red square of 16 × 16 at this place."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[..., 2] = 200
    down, across = red_corner
    pixels[down : down + 16, across : across + 16] = (250, 0, 0)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


ROW = {"a": 5, "b": 2, "ignored": 1000, "c": -3}


def test_of_a_linear_model_a_share_is_the_coefficient_times_the_distance_from_the_background(explained: Shop):
    explanation = explained.explain("sum", ROW)
    assert shares(explanation) == pytest.approx({n: w * (ROW[n] - MEAN) for n, w in WEIGHTS.items()}, abs=1e-4)
    assert explanation["baseline"] == pytest.approx(sum(WEIGHTS.values()) * MEAN, abs=1e-4)
    assert explanation["answer"] == explanation["prediction"]["value"] == pytest.approx(6.25)
    assert explanation["columns"][0]["column"] == "b"  # the largest first


def test_a_column_that_the_model_ignores_gets_exactly_nothing(explained: Shop):
    assert shares(explained.explain("product", ROW))["ignored"] == 0
    assert shares(explained.explain("product", ROW, most_rows=40))["ignored"] == 0


@pytest.mark.parametrize(("endpoint", "most_rows"), [("product", 1000), ("product", 30), ("many", 300), ("many", 50)])
def test_shares_and_baseline_add_up_to_the_answer(explained: Shop, endpoint: str, most_rows: int):
    names = WEIGHTS if endpoint == "product" else MANY
    row = {name: float(place) for place, name in enumerate(names)}
    explanation = explained.explain(endpoint, row, most_rows=most_rows)
    total = explanation["baseline"] + sum(shares(explanation).values())
    assert total == pytest.approx(explanation["answer"], abs=1e-4)
    assert abs(explanation["unexplained"]) < 1e-4
    assert explanation["rows"] <= most_rows


def test_shares_of_columns_that_work_together_are_those_that_all_orders_give(explained: Shop):
    """Two columns multiplied, against one background: x·y − u·v is shared as the mean of both orders."""
    explanation = explained.explain("product", ROW, background=[{"a": 1, "b": 4, "ignored": 0, "c": 0}])
    assert explanation["is_exact"]
    by_product = {"a": ((5 - 1) * 4 + (5 - 1) * 2) / 2, "b": ((2 - 4) * 1 + (2 - 4) * 5) / 2}
    expected = {"a": 2.0 * 4 + by_product["a"], "b": -1.5 * -2 + by_product["b"], "ignored": 0, "c": 0.25 * -3}
    assert shares(explanation) == pytest.approx(expected, abs=1e-4)
    assert explanation["background"] == {"rows": 1, "source": "given"}


def test_a_seed_is_repeated_exactly_and_another_one_stays_within_the_told_error(explained: Shop):
    row = dict.fromkeys(MANY, 8.0)
    first, again, other = (explained.explain("many", row, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert not first["is_exact"]
    assert shares(first) != shares(other)
    errors = {entry["column"]: entry["standard_error"] for entry in first["columns"]}
    assert all(abs(shares(first)[n] - shares(other)[n]) <= 6 * errors[n] + 1e-4 for n in MANY)
    assert all(errors[name] < 1e-4 for name in MANY if name not in ("c0", "c1", "c2"))  # they depend on no other column


def test_the_rows_that_are_told_are_run_metered_and_paid(explained: Shop):
    answer = explained.ask("sum", {"rows": [ROW, ROW]})
    body = answer.json()
    rows = sum(one["rows"] for one in body["explanations"])
    assert rows == 2 * (1 + 8 * (2**4 - 1))
    assert body["usage"] == {"id": answer.headers["Usage-Id"], "units": rows, "amount_micros": rows * 7}
    record = wait_for(lambda: explained.control.usage.get(body["usage"]["id"]))
    assert (record["units"], record["amount_micros"]) == (rows, rows * 7)


def test_a_prediction_and_an_explanation_with_one_idempotency_key_are_two_charges(explained: Shop):
    body = {"rows": [{**ROW, "c": 77}]}
    predicted = explained.server.predict(explained.key, "sum", *body["rows"], Idempotency_Key="twice")
    refused = explained.ask("sum", body, **{"Idempotency-Key": "twice"})
    assert refused.status_code == 422
    assert refused.json()["code"] == "yours:idempotency-reuse"
    explanation = explained.ask("sum", body, **{"Idempotency-Key": "once"})
    again = explained.ask("sum", body, **{"Idempotency-Key": "once"})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == explanation.content
    assert explanation.json()["usage"]["id"] != predicted.json()["usage"]["id"]


def test_a_stranger_finds_no_endpoint_and_a_missing_key_is_asked_for(explained: Shop):
    answer = explained.ask("sum", {"rows": [ROW]}, key=explained.stranger)
    assert (answer.status_code, answer.json()["code"]) == (404, "yours:endpoint-unknown")
    assert explained.ask("sum", {"rows": [ROW]}, key="my_live_nonsense").status_code == 401


def test_words_that_matter_get_the_shares(explained: Shop):
    text = "a good day and a  bad good end"
    explanation = explained.explain("mood", {"text": text})
    words = explanation["words"]
    assert [text[word["start"] : word["end"]].rstrip() for word in words] == text.split()
    by_word = {(word["text"], word["start"]): word["attribution"] for word in words}
    assert all(share == 0 for (word, _), share in by_word.items() if word not in ("good", "bad"))
    assert all(share > 0 for (word, _), share in by_word.items() if word == "good")
    assert by_word["bad", 18] < 0
    assert explanation["baseline"] == pytest.approx(0.5)
    assert explanation["answer"] == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-6)
    assert explanation["baseline"] + sum(by_word.values()) == pytest.approx(explanation["answer"], abs=1e-6)


def test_a_long_text_is_explained_by_runs_of_words_and_an_empty_one_by_nothing(explained: Shop):
    text = " ".join(f"word{place}" for place in range(499)) + " good"
    explanation = explained.ask("mood", text.encode(), "text/plain").json()["explanations"][0]
    assert len(explanation["words"]) <= 40
    assert "".join(text[one["start"] : one["end"]] for one in explanation["words"]) == text
    heaviest = max(explanation["words"], key=lambda one: one["attribution"])
    assert heaviest["text"].endswith("good")
    assert explained.explain("mood", {"text": ""})["words"] == []


def test_another_class_can_be_explained_and_an_unknown_one_is_refused(explained: Shop):
    yes, no = (explained.explain("mood", {"text": "good day"}, label=label) for label in ("yes", "no"))
    assert no["words"][0]["attribution"] == pytest.approx(-yes["words"][0]["attribution"], abs=1e-6)
    refused = explained.ask("mood", {"rows": [{"text": "x"}], "label": "perhaps"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["location"] == "label"


def test_the_heat_of_an_image_points_at_the_corner_that_decides(explained: Shop):
    answer = explained.ask("corner", picture((0, 0)), "image/png")
    assert answer.status_code == 200, answer.text
    explanation = answer.json()["explanations"][0]
    heat = np.array(explanation["heat"])
    assert explanation["label"] == "yes"
    assert heat.shape == (8, 8)
    assert np.unravel_index(heat.argmax(), heat.shape) in [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert heat[4:, 4:].max() == heat[4:, 4:].min() == 0
    assert heat[:2, :2].sum() > 0.8 * heat.sum()
    assert answer.json()["usage"]["units"] == explanation["rows"] == 7 * 7 + 2
    no = explained.ask("corner?label=yes&grid=4", picture((48, 48)), "image/png").json()["explanations"][0]
    assert np.array(no["heat"]).shape == (4, 4)
    assert no["prediction"]["label"] == "no"


def test_a_large_image_is_scaled_down_and_says_so(explained: Shop):
    file = io.BytesIO()
    Image.new("RGB", (2400, 1200), "red").save(file, "PNG")
    explanation = explained.ask("corner", file.getvalue(), "image/png").json()["explanations"][0]
    assert explanation["image"] == {"width": 1414, "height": 707}


@pytest.mark.parametrize(
    ("endpoint", "body", "status", "code"),
    [
        ("series", {"rows": [{"history": [1, 2, 3]}]}, 422, "yours:explanation-unsupported"),
        ("churn", {"rows": [{"age": 1}]}, 422, "yours:explanation-unsupported"),  # knows no typical rows
        ("sum", {"rows": []}, 422, "yours:invalid"),
        ("sum", {"rows": [ROW] * 11}, 413, "yours:too-large"),
        ("sum", {"rows": [ROW], "most_rows": 5000}, 422, "yours:invalid"),
        ("sum", {"rows": [ROW], "why": True}, 422, "yours:invalid"),
        ("many", {"rows": [ROW], "most_rows": 5}, 413, "yours:too-large"),
        ("sum", {"rows": [{"a": "five"}]}, 422, "yours:row-invalid"),
        ("sum", {"rows": [ROW], "background": [{"a": "one"}]}, 422, "yours:row-invalid"),
        ("corner", {"rows": [ROW]}, 415, "yours:unsupported-media"),
        ("nowhere", {"rows": [ROW]}, 404, "yours:endpoint-unknown"),
    ],
)
def test_what_cannot_be_explained_says_why(explained: Shop, endpoint: str, body: dict, status: int, code: str):
    answer = explained.ask(endpoint, body)
    assert (answer.json()["code"], answer.status_code) == (code, status), answer.text
    if "background" in body:
        assert answer.json()["errors"][0]["location"] == "background[0].a"


def test_a_model_without_typical_values_is_explained_against_given_rows(explained: Shop):
    background = [{"age": age, "income": 0, "colour": "blue"} for age in (-1, 1)]
    explanation = explained.explain("churn", {"age": 1, "income": 2, "colour": "red"}, background=background)
    assert explanation["columns"][0]["column"] == "colour"
    total = explanation["baseline"] + sum(shares(explanation).values())
    assert total == pytest.approx(explanation["answer"], abs=1e-6)
