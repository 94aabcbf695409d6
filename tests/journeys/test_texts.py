"""Texts through HTTP and real processes: labels, vectors and answers, each from upload to prediction."""

import csv
import itertools

import numpy as np
import pytest

from tests.road import Road

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

GOOD = ("I love this {}", "Das {} ist wunderbar", "{}はとても素晴らしい", "Отличный {}, беру")
BAD = ("I hate this {}", "Das {} ist furchtbar", "{}はとても酷いです", "Ужасный {}, не берите")
THINGS = ("coffee", "Tee", "phone", "本", "чай", "soup", "café", "lamp")
ANSWERS = {
    "Open the settings and choose a new password.": (
        "How do I change my password?",
        "password forgotten",
        "new password",
    ),
    "We ship within two working days.": ("How long does shipping take?", "When is my parcel shipped?", "shipping time"),
    "Returns are free for thirty days.": ("Can I return my order?", "Is a return free?", "return an order"),
    "Die Rechnung liegt im Konto.": ("Wo finde ich meine Rechnung?", "Rechnung herunterladen", "Rechnung fehlt"),
    "返品は三十日以内に無料です。": ("返品できますか？", "返品は無料ですか？", "返品したいです"),
    "Call us from nine to five.": ("What is your phone number?", "Can I call you?", "phone hours"),
    "We pay back within a week.": ("When is my money back?", "refund time", "How long does a refund take?"),
}


@pytest.fixture(scope="module")
def road(stack):
    return Road(stack, stack.bootstrap("Texts", "texts@example.com", credit_micros=5_000_000))


def _file(folder, name, header, rows):
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def _reviews():
    return [
        (template.format(thing), mood)
        for mood, templates in (("good", GOOD), ("bad", BAD))
        for template, thing in itertools.product(templates, THINGS)
    ]


def test_reviews_in_four_languages_become_labels(road, tmp_path):
    version = road.upload(_file(tmp_path, "reviews.csv", ("review", "label"), _reviews()), name="Reviews")
    run, _ = road.served(version, "moods", task="text_classification", families=["tfidf_words", "tfidf_characters"])
    assert run["target"] == "label"
    assert run["metrics"]["log_loss"] < run["baseline"]["log_loss"]
    asked = [{"review": text} for text in ("I LOVE this lamp", "Das Buch ist furchtbar", "鞄はとても素晴らしい", "")]
    found = road.predictions("moods", asked)
    assert [one["label"] for one in found[:3]] == ["good", "bad", "good"]
    assert sum(found[3]["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_texts_become_vectors_that_lie_together_when_they_say_the_same(road, tmp_path):
    version = road.upload(_file(tmp_path, "notes.csv", ("note", "label"), _reviews()), name="Notes")
    wishes = {"task": "text_embedding", "families": ["lsa"], "options": {"dimensions": 16}}
    road.served(version, "vectors", **wishes)
    asked = ("I love this coffee", "I love that coffee!", "Das Tee ist furchtbar")
    vectors = np.array([one["vector"] for one in road.predictions("vectors", [{"note": text} for text in asked])])
    assert vectors.shape == (3, 16)
    near = vectors @ vectors.T
    assert near[0, 1] > near[0, 2] + 0.3


def test_questions_find_their_answers(road, tmp_path):
    pairs = [(question, answer) for answer, questions in ANSWERS.items() for question in questions]
    version = road.upload(_file(tmp_path, "help.csv", ("question", "answer"), pairs), name="Help desk")
    assert (version["inferred_task"], version["inferred_target"]) == ("question_answering", "answer")
    run, _ = road.served(version, "help", families=["lsa"], options={"top": 3})
    assert run["task"] == "question_answering"
    (found,) = road.predictions("help", [{"question": "I want to return an order for free"}])
    assert len(found["items"]) == 3
    assert found["items"][0]["item"] == "Returns are free for thirty days."
    assert found["items"][0]["score"] >= found["items"][1]["score"]


def test_a_table_of_numbers_is_refused_as_texts_before_it_costs_anything(road, tmp_path):
    rows = [(f"{number}.5", "ab"[number % 2]) for number in range(40)]
    version = road.upload(_file(tmp_path, "numbers.csv", ("size", "label"), rows), name="Numbers")
    wish = {"dataset_version": version["id"], "budget_seconds": 10, "task": "text_classification"}
    refused = road.http.post("/runs", json=wish)
    assert refused.status_code == 422, refused.text
    assert refused.json()["code"] == "yours:text-missing"
