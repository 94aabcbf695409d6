"""Columns made of columns: dates and words become the same numbers in numpy and in the graph."""

import datetime

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

from contracts.manifests import ColumnSpec
from contracts.moments import seconds_of
from workers.export.derived_onnx import add_date_parts, add_word_value
from workers.export.graph import Graph
from workers.export.parts import DateParts
from workers.train import derived
from workers.train.readers import Table


def parts_in_the_graph(seconds: np.ndarray) -> np.ndarray:
    graph = Graph()
    graph.input("at", TensorProto.DOUBLE, ["N", 1])
    graph.add("Concat", *add_date_parts(graph, "at", DateParts("at")), axis=1, output="parts")
    graph.output("parts", TensorProto.FLOAT, ["N", 6])
    session = onnxruntime.InferenceSession(graph.finish("dates").SerializeToString())
    return np.asarray(session.run(None, {"at": seconds.reshape(-1, 1)})[0])


def test_the_graph_reads_the_calendar_like_numpy_and_like_the_standard_library() -> None:
    random = np.random.default_rng(0)
    seconds = random.uniform(-60e9, 200e9, 3000).round(3)
    seconds[:9] = [0, -1, 951_782_400, 951_868_799, 4_107_542_400, -62_135_596_800, np.nan, np.inf, -1e300]
    expected = derived.date_parts(seconds)
    np.testing.assert_array_equal(parts_in_the_graph(seconds), expected)
    start = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    for at, row in zip(seconds[9:200], expected[9:200], strict=True):
        moment = start + datetime.timedelta(seconds=float(at))
        assert tuple(row[1:]) == (moment.year, moment.month, moment.day, moment.weekday(), moment.hour)
    assert np.isnan(expected[6:9]).all()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86_400.0),
        ("1970-01", 0.0),
        ("1970-01-01 00:00:01.5", 1.5),
        ("1970-01-01T02:00:00+02:00", 0.0),
        ("1970-01-01T00:00Z", 0.0),
        ("1970-13-01", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_are_read_as_people_write_them(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def words_table(rows: int = 600) -> tuple[Table, np.ndarray]:
    random = np.random.default_rng(1)
    codes = random.integers(0, 40, rows)
    words = np.array([f"w{one}" for one in codes], dtype=object)
    digits = np.array([str(one % 7) for one in codes], dtype=object)
    return Table({"word": words, "digit": digits}, rows), (codes % 2 + random.normal(0, 0.1, rows))


def test_words_become_counts_numbers_and_means_that_the_graph_looks_up() -> None:
    table, y = words_table()
    specs = [ColumnSpec("word", "category"), ColumnSpec("digit", "category")]
    full, maps, _ = derived.fit_derived(table, specs, y, 0, np.arange(table.rows) % 5)
    assert {one.name for one in maps} == {"word → count", "word → mean", "digit → number", "digit → mean"}
    new = Table({"word": np.array(["w3", "never", ""], object), "digit": np.array(["6", "x", ""], object)}, 3)
    expected = derived.apply(new, maps, [])
    for made in maps:
        graph = Graph()
        graph.input("text", TensorProto.STRING, ["N", 1])
        graph.add("Identity", add_word_value(graph, "text", made), output="y")
        graph.output("y", TensorProto.FLOAT, ["N", 1])
        session = onnxruntime.InferenceSession(graph.finish("words").SerializeToString())
        (answer,) = session.run(None, {"text": new.columns[made.column].reshape(-1, 1)})
        np.testing.assert_array_equal(answer[:, 0], expected.columns[made.name])
    assert expected.columns["word → mean"][0] > 0.7
    assert abs(expected.columns["word → mean"][1] - y.mean()) < 1e-6  # a word never seen: the overall mean
    assert np.isnan(expected.columns["digit → number"][1])
    assert full.columns["word → mean"].std() > 0.2


def test_no_row_reads_its_own_target() -> None:
    table, y = words_table()
    specs = [ColumnSpec("word", "category")]
    folds = np.arange(table.rows) % 5
    before = derived.fit_derived(table, specs, y, 0, folds)[0].columns["word → mean"]
    changed = y.copy()
    changed[folds == 2] += 1000.0
    after = derived.fit_derived(table, specs, changed, 0, folds)[0].columns["word → mean"]
    np.testing.assert_array_equal(before[folds == 2], after[folds == 2])
    assert (before[folds != 2] != after[folds != 2]).all()
