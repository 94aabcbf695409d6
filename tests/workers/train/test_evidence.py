"""The evidence of a version: intervals, slices, curves, suspicious labels, duplicates; on data with known answers."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from contracts.manifests import ColumnSpec
from tests.workers.train.jobs import zip_bytes
from workers.train import curves, duplicates, evaluation, label_errors, slicing
from workers.train.readers import Table, list_images
from workers.train.splits import Parts
from workers.train.tabular_model import Data


def _answers(rows: int, signal: float, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    truth = random.integers(0, classes, rows)
    scores = random.normal(size=(rows, classes))
    scores[np.arange(rows), truth] += signal
    shares = np.exp(scores)
    return truth, shares / shares.sum(axis=1, keepdims=True)


def _data(columns: dict[str, np.ndarray], truth: np.ndarray, classes: list[str]) -> Data:
    specs = [ColumnSpec(name, "category" if one.dtype == object else "number") for name, one in columns.items()]
    return Data(Table(columns, len(truth)), np.arange(len(truth)), specs, specs, truth, classes)


def test_an_interval_holds_the_metric_and_narrows_with_more_rows() -> None:
    widths = []
    for rows in (100, 3_000):
        truth, answer = _answers(rows, 1.5)
        report = evaluation.evaluate(truth, answer, truth, ["no", "yes"], [], [], seed=1)
        for name, (low, high) in report.intervals.items():
            assert low <= report.metrics[name] <= high, name
        widths.append(report.intervals["accuracy"][1] - report.intervals["accuracy"][0])
    assert widths[1] < widths[0] / 3


def test_thinned_rows_give_the_same_width_as_all_rows_would() -> None:
    truth, answer = _answers(80_000, 1.5)
    report = evaluation.evaluate(truth, answer, truth, ["no", "yes"], [], [], seed=1)
    share = report.metrics["accuracy"]
    expected = 2 * 1.96 * np.sqrt(share * (1 - share) / 80_000)
    low, high = report.intervals["accuracy"]
    assert 0.8 * expected < high - low < 1.2 * expected


def test_a_guess_is_not_called_better_than_the_baseline_with_certainty() -> None:
    truth, answer = _answers(200, 0.0)
    calm = 0.5 + (answer - 0.5) * 0.02  # hardly any opinion
    report = evaluation.evaluate(truth, calm, truth, ["no", "yes"], [], [], seed=1)
    assert report.gain["low"] < 0 < report.gain["high"]
    assert report.gain["certainty"] < 0.99


def test_the_same_seed_gives_the_same_intervals() -> None:
    truth, answer = _answers(300, 1.0)
    first, second = (evaluation.evaluate(truth, answer, truth, ["no", "yes"], [], [], seed=5) for _ in range(2))
    assert first.intervals == second.intervals


def test_the_curve_has_the_area_of_the_metric_and_few_points() -> None:
    truth, answer = _answers(4_000, 1.0)
    answer = answer.round(2)  # many equal scores
    report = evaluation.evaluate(truth, answer, truth, ["no", "yes"], [], [])
    [curve] = report.curves
    assert abs(curve["auc"] - report.metrics["auc"]) < 1e-6
    assert len(curve["roc"]) <= curves.POINTS_MOST + 1
    assert curve["label"] == "yes"


def test_the_counts_of_a_threshold_are_those_of_the_rows() -> None:
    truth, answer = _answers(500, 1.0)
    for row in curves.thresholds(truth, answer)[::20]:
        named = answer[:, 1] >= row["threshold"]
        assert row["tp"] == (named & (truth == 1)).sum()
        assert row["tp"] + row["fp"] + row["fn"] + row["tn"] == 500


def test_a_slice_is_called_worse_only_when_it_is_and_tiny_slices_are_left_out() -> None:
    random = np.random.default_rng(0)
    place = random.choice(np.array(["north", "south", "moon"], dtype=object), 2_000, p=[0.5, 0.495, 0.005])
    truth = random.integers(0, 2, 2_000)
    data = _data({"place": place, "size": random.normal(size=2_000)}, truth, ["no", "yes"])
    wrong = (random.random(2_000) < np.where(place == "south", 0.3, 0.1)).astype(float)
    found = slicing.slices(data, np.arange(2_000), wrong)
    assert [one["name"] for one in found if one["is_worse"]] == ["place = south"]
    assert not any("moon" in one["name"] for one in found)
    even = slicing.slices(data, np.arange(2_000), (random.random(2_000) < 0.1).astype(float))
    assert not any(one["is_worse"] for one in even)


def test_swapped_labels_are_found_before_honest_ones() -> None:
    truth, answer = _answers(400, 4.0, classes=3)
    given = truth.copy()
    swapped = np.arange(0, 400, 40)
    given[swapped] = (given[swapped] + 1) % 3
    found = [place for place, _, _ in label_errors.suspects(given, answer)]
    assert len(set(found[:10]) & set(swapped.tolist())) >= 8


def test_test_rows_that_were_learned_from_are_counted() -> None:
    number, word = np.arange(20, dtype=np.float32), np.array(list("abcdefghijklmnopqrst"), dtype=object)
    number[:3], word[:3] = number[10:13], word[10:13]
    data = _data({"number": number, "word": word}, np.arange(20) % 2, ["even", "odd"])
    parts = Parts(np.arange(5, 15), np.arange(15, 20), np.arange(5))
    [warning] = duplicates.warnings(data, parts)
    assert (warning["code"], warning["rows"]) == ("duplicates", 3)
    data.truth[0] = 1
    assert {one["code"] for one in duplicates.warnings(data, parts)} == {"duplicates", "conflicts"}


def test_images_of_one_size_are_not_taken_for_duplicates(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(zip_bytes(per_class=6))
    folder = list_images(tmp_path / "images")
    truth = np.arange(18) // 6
    data = SimpleNamespace(folder=folder, rows=np.arange(18), truth=truth, classes=["red", "green", "blue"])
    assert duplicates.warnings(data, Parts(np.arange(1, 17), np.array([17]), np.array([0]))) == []
    folder.names[0] = folder.names[5]
    [warning] = duplicates.warnings(data, Parts(np.arange(1, 17), np.array([17]), np.array([0])))
    assert warning["rows"] == 1


def test_every_cell_of_the_confusion_matrix_has_rows_behind_it() -> None:
    truth, answer = _answers(3_000, 2.5, classes=4)
    picked = evaluation.pick_examples(truth, answer, seed=0)
    assert len(set(picked.tolist())) == len(picked)
    cells = truth * 4 + answer.argmax(axis=1)
    assert set(cells[picked].tolist()) == set(cells.tolist())


def test_an_answer_for_a_row_seen_twice_is_taken_from_the_test() -> None:
    fitted = SimpleNamespace(out_of_fold=(np.array([1, 2, 3]), np.full((3, 2), 0.5)))
    parts = Parts(np.array([1]), np.array([2]), np.array([3]))
    rows, answers = evaluation._held_out(fitted, parts, np.array([[0.1, 0.9]]))
    assert rows.tolist() == [3, 1, 2]
    assert answers[0].tolist() == [0.1, 0.9]
