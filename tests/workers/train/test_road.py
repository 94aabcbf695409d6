"""The road of a run on small real files, in this process: what comes out, and what each refusal says."""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest

from contracts.manifests import EvaluationReport, ModelManifest, ParityCertificate
from contracts.wire import from_wire
from tests.workers.train.jobs import COLUMNS, image_bytes, job_folder, lines_of, table_bytes, zip_bytes
from workers.train.checkpoint import Checkpoints, Saved
from workers.train.failures import UserFailure
from workers.train.readers import decode_image
from workers.train.run import run

REGRESSION = {"task": "tabular_regression", "target": "price"}
IMAGES = {"task": "image_classification", "target": "", "dataset_format": "zip", "columns": []}


def travel(folder: Path) -> dict[str, dict[str, float]]:
    run(folder, threads=1)
    return json.loads((folder / "result.json").read_text())


def test_a_table_becomes_one_graph_that_takes_missing_values_and_unknown_words(tmp_path: Path) -> None:
    folder = job_folder(tmp_path, table_bytes(150), families=[], budget_seconds=12.0)
    result = travel(folder)
    assert result["metrics"]["accuracy"] > 0.7 > result["baseline"]["accuracy"]
    manifest = from_wire(ModelManifest, json.loads((folder / "out/manifest.json").read_text()))
    assert manifest.meaning.classes == ["large", "medium", "small"]
    tensors = {column.name: column.tensor for column in manifest.columns}
    assert tensors["width"] == "width"
    assert tensors["height of it"].startswith("column_")
    assert tensors["code"] == ""  # an id teaches nothing
    session = onnxruntime.InferenceSession(str(folder / "out/model.onnx"))
    feed = {
        "width": np.array([[20.0], [np.nan]], dtype=np.float32),
        tensors["height of it"]: np.array([[5.0], [np.nan]], dtype=np.float32),
        "colour": np.array([["ultraviolet"], [""]], dtype=object),
        "is_new": np.array([["true"], [""]], dtype=object),
    }
    feed |= {"price": np.array([[40.0], [np.nan]], dtype=np.float32)}
    label, shares = session.run(["label", "probabilities"], feed)
    assert label[0] == "large"
    assert np.isfinite(shares).all()
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)


def test_the_package_says_how_good_the_model_is_and_that_it_answers_the_same(tmp_path: Path) -> None:
    folder = job_folder(tmp_path, table_bytes())
    travel(folder)
    parity = from_wire(ParityCertificate, json.loads((folder / "out/parity.json").read_text()))
    assert parity.passed
    assert parity.label_flips == 0
    assert parity.batch_sizes == [1, 7, 64]
    report = from_wire(EvaluationReport, json.loads((folder / "out/evaluation.json").read_text()))
    assert sum(map(sum, report.confusion)) == report.rows
    assert {row["label"] for row in report.per_class} == set(report.classes)
    assert report.importance[0]["column"] in ("width", "price")
    assert {"row", "true", "predicted", "confidence", "values"} <= report.examples[0].keys()
    unseen = report.unseen
    assert len(unseen["rows"]) == len(set(unseen["rows"])) >= report.rows
    assert unseen["rows"] == sorted(unseen["rows"], reverse=True)  # what was added last comes first
    named = [report.classes[int(np.argmax(row))] for row in unseen["answers"]]
    right = np.mean([one == truth for one, truth in zip(named, unseen["truth"], strict=True)])
    assert right == pytest.approx(report.metrics["accuracy"], abs=0.15)
    states = [line["state"] for line in lines_of(folder, "progress")]
    assert [state for i, state in enumerate(states) if state not in states[:i]] == [
        "running",
        "validating",
        "exporting",
    ]


def test_a_regression_beats_the_mean_by_far(tmp_path: Path) -> None:
    folder = job_folder(tmp_path, table_bytes(120), **REGRESSION, families=[], budget_seconds=12.0)
    result = travel(folder)
    assert result["metrics"]["rmse"] < 0.35 * result["baseline"]["rmse"]
    report = from_wire(EvaluationReport, json.loads((folder / "out/evaluation.json").read_text()))
    assert len(report.residuals["bins"]) == len(report.residuals["counts"]) + 1
    assert len(report.unseen["answers"]) == len(report.unseen["truth"]) == report.rows
    session = onnxruntime.InferenceSession(str(folder / "out/model.onnx"))
    assert [one.name for one in session.get_outputs()] == ["value"]


def test_the_same_seed_gives_bitwise_the_same_metric(tmp_path: Path) -> None:
    data = table_bytes()
    wishes = {"families": ["gradient_boosting"]}
    first, again = (travel(job_folder(tmp_path / name, data, **wishes)) for name in ("first", "again"))
    assert first["metrics"] == again["metrics"]


@pytest.mark.parametrize("family", ["pixels", "cnn", "transfer"])
def test_images_of_mixed_sizes_are_learned_from_their_folders(tmp_path: Path, family: str) -> None:
    folder = job_folder(tmp_path, zip_bytes(), **IMAGES, families=[family])
    assert travel(folder)["metrics"]["accuracy"] > 0.8
    session = onnxruntime.InferenceSession(str(folder / "out/model.onnx"))
    (tensor,) = session.get_inputs()
    assert (tensor.name, tensor.type) == ("image", "tensor(uint8)")
    pixels = np.stack([decode_image(image_bytes(9, seed, channel=1)) for seed in (901, 902)])
    label, _ = session.run(None, {"image": pixels})
    assert list(label) == ["green", "green"]


def test_the_shortest_run_on_tiny_images_has_the_pixels_in_hand_and_learns_from_every_image(tmp_path: Path) -> None:
    folder = job_folder(tmp_path, zip_bytes(), **IMAGES, families=[], budget_seconds=4.0)
    assert travel(folder)["metrics"]["accuracy"] > 0.8
    board = {line["candidate"]["family"]: line["candidate"] for line in lines_of(folder, "candidate")}
    assert board["pixels"]["state"] == "done"
    folder = job_folder(tmp_path / "whole", zip_bytes(), **IMAGES, families=["pixels"])
    travel(folder)
    report = from_wire(EvaluationReport, json.loads((folder / "out/evaluation.json").read_text()))
    assert "has then learned from them" in report.method


def test_the_budget_is_kept_by_a_table_that_would_need_more(tmp_path: Path) -> None:
    folder = job_folder(tmp_path, table_bytes(20_000), families=[], budget_seconds=8.0)
    before = time.monotonic()
    result = travel(folder)
    assert time.monotonic() - before <= 8.0 * 1.05 + 3.0
    assert result["metrics"]["accuracy"] > 0.85


def test_asked_to_stop_it_exports_the_best_so_far(tmp_path: Path) -> None:
    folder = job_folder(tmp_path, table_bytes(20_000), families=["gradient_boosting"], budget_seconds=600.0)
    (folder / "stop").touch()
    # Asked before anything was fitted there is nothing to keep.
    with pytest.raises(UserFailure, match="yours:budget-spent"):
        travel(folder)


def refusal(folder: Path) -> str:
    with pytest.raises(UserFailure) as caught:
        travel(folder)
    return caught.value.code


def test_each_mistake_of_the_user_has_its_own_code(tmp_path: Path) -> None:
    one_class = pa.array(["large"] * 240)
    rare = pa.array(["rare", "large", *["large", "small"] * 119])
    empty = pa.array([None] * 240, pa.string())
    assert refusal(job_folder(tmp_path / "a", table_bytes(kind=one_class))) == "yours:one-class"
    assert refusal(job_folder(tmp_path / "b", table_bytes(kind=rare))) == "yours:class-too-small"
    assert refusal(job_folder(tmp_path / "c", table_bytes(kind=empty))) == "yours:labels-missing"
    assert refusal(job_folder(tmp_path / "d", table_bytes(), target="nothing")) == "yours:target-unknown"
    ids_only = [column for column in COLUMNS if column["name"] in ("code", "kind")]
    assert refusal(job_folder(tmp_path / "e", table_bytes(), columns=ids_only)) == "yours:target-type"
    assert refusal(job_folder(tmp_path / "f", b"no zip", **IMAGES)) == "yours:file-unreadable"
    assert refusal(job_folder(tmp_path / "g", image_zip("picture.png"), **IMAGES)) == "yours:zip-layout"


def image_zip(name: str) -> bytes:
    import io
    import zipfile

    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(name, image_bytes(8))
    return raw.getvalue()


class PowerCut(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gradient_boosting", "mlp", "cnn"])
def test_cut_off_anywhere_it_goes_on_to_bitwise_the_same_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    wishes = {**IMAGES, "families": [family]} if family == "cnn" else {"families": [family]}
    wishes["options"] = {"checkpoint_every_s": 0.0}
    data = zip_bytes(8) if family == "cnn" else table_bytes(120)
    expected = travel(job_folder(tmp_path / "undisturbed", data, **wishes))
    folder = job_folder(tmp_path / "disturbed", data, **wishes)
    offer, offers = Checkpoints.offer, itertools.count(1)

    def cut(checkpoints: Checkpoints, key: str, make: Callable[[], Saved]) -> None:
        offer(checkpoints, key, make)
        if next(offers) in (3, 5):
            raise PowerCut

    monkeypatch.setattr(Checkpoints, "offer", cut)
    for _ in range(2):
        with pytest.raises(PowerCut):
            travel(folder)
    resumed = travel(folder)
    assert resumed["metrics"] == expected["metrics"]
