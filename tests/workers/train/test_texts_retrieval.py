"""Embedding and question answering on small made-up corpora: the file alone finds what belongs together."""

import random

import numpy as np
import pytest

from tests.workers.train.test_texts import parquet, trained
from workers.train import text_embedding

ASKED = {
    "Open the settings and choose a new password.": (
        "How do I change my password?",
        "I forgot my password, what now?",
        "password reset",
        "Where can I set a new password?",
    ),
    "We ship on working days within two days.": (
        "How long does shipping take?",
        "When will my parcel be shipped?",
        "shipping time",
        "How many days until you ship my parcel?",
    ),
    "Returns are free for thirty days.": (
        "Can I return my order?",
        "Is a return free of charge?",
        "How many days do I have for a return?",
        "return an order",
    ),
    "Die Rechnung liegt im Konto unter Bestellungen.": (
        "Wo finde ich meine Rechnung?",
        "Ich brauche eine Rechnung",
        "Rechnung herunterladen",
        "Gibt es eine Rechnung?",
    ),
    "返品は三十日以内に無料です。": ("返品できますか？", "返品は無料ですか？", "返品の方法を教えて", "返品したいです"),
}
PAIR_COLUMNS = [{"name": "question", "type": "text"}, {"name": "answer", "type": "text"}]
FAMILIES = ["lsa"]
WANTED = ("I want to change the password", "parcel shipping days?", "Rechnung bitte", "無料で返品")


@pytest.fixture(scope="module")
def helpdesk(tmp_path_factory):
    pairs = [(question, answer) for answer, questions in ASKED.items() for question in questions]
    dataset = parquet(question=[one for one, _ in pairs], answer=[one for _, one in pairs])
    changes = {"task": "question_answering", "target": "answer", "columns": PAIR_COLUMNS, "families": FAMILIES}
    return trained(tmp_path_factory.mktemp("qa"), dataset, **changes)


def _asked(helpdesk, *questions):
    """Per question its answers, best first, and their scores."""
    feed = {"text": np.array(questions, dtype=object).reshape(-1, 1)}
    items, scores = helpdesk[2].run(["items", "scores"], feed)
    return items.tolist(), scores.tolist()


def test_each_question_finds_its_answer_first_in_any_language(helpdesk):
    answers, _ = _asked(
        helpdesk, "I want to change the password", "parcel shipping days?", "Rechnung bitte", "無料で返品"
    )
    assert [one[0] for one in answers] == [list(ASKED)[place] for place in (0, 1, 3, 4)]


def test_answers_come_best_first_with_their_scores(helpdesk):
    _, (scores,) = _asked(helpdesk, "How do I change my password?")
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(1.0, abs=1e-4)  # the stored question itself
    assert len(scores) == len(ASKED)


def test_questions_kept_out_of_the_index_are_answered_better_than_by_guessing(helpdesk):
    manifest, parity, _ = helpdesk
    assert parity["passed"]
    assert manifest["metrics"]["mrr"] > manifest["baseline"]["mrr"]
    assert set(manifest["metrics"]) == {"mrr", "hit@1", "hit@5"}


TOPICS = {
    "sea": "boat sail harbour wave anchor tide captain deck storm island",
    "kitchen": "oven flour butter spoon recipe salt dough plate soup pepper",
    "music": "violin drum chord melody singer stage rhythm concert tune piano",
}


def _notes(rows: int, seed: int = 0) -> tuple[list[str], list[str]]:
    drawn = random.Random(seed)
    topics = [list(TOPICS)[row % 3] for row in range(rows)]
    return [" ".join(drawn.choices(TOPICS[topic].split(), k=8)) for topic in topics], topics


@pytest.fixture(scope="module")
def embedding(tmp_path_factory):
    texts, topics = _notes(120)
    columns = [{"name": "note", "type": "text"}, {"name": "topic", "type": "category"}]
    changes = {"task": "text_embedding", "target": "topic", "columns": columns, "families": FAMILIES}
    folder = tmp_path_factory.mktemp("embedding")
    return trained(folder, parquet(note=texts, topic=topics), options={"dimensions": 16}, **changes)


def test_vectors_of_one_topic_lie_together(embedding):
    manifest, parity, session = embedding
    texts, topics = _notes(30, seed=5)
    vectors = session.run(["vector"], {"text": np.array(texts, dtype=object).reshape(-1, 1)})[0]
    assert vectors.shape == (30, 16)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    near = vectors @ vectors.T - 2 * np.eye(30)
    assert np.mean([topics[place] == topics[row] for row, place in enumerate(near.argmax(axis=1))]) >= 0.9
    assert parity["passed"]
    assert manifest["meaning"]["kind"] == "embedding"
    assert manifest["metrics"]["neighbour_agreement"] > 0.8 > 0.5 > manifest["baseline"]["neighbour_agreement"]


def test_an_embedding_needs_no_labels(tmp_path):
    texts, _ = _notes(60)
    changes = {"task": "text_embedding", "target": "", "columns": [{"name": "note", "type": "text"}]}
    manifest, _, _ = trained(tmp_path / "plain", parquet(note=texts), families=FAMILIES, **changes)
    assert manifest["metrics"]["mrr"] > manifest["baseline"]["mrr"]
    assert "neighbour_agreement" not in manifest["metrics"]


def test_draws_share_their_places():
    scores = np.array([[0.5, 0.5, 0.1], [0.1, 0.9, 0.3]])
    assert text_embedding.ranks(scores, np.array([0, 1])).tolist() == [1.5, 1.0]
    assert text_embedding.by_chance(2) == {"mrr": 0.75, "hit@1": 0.5, "hit@5": 1.0}
