"""Time stamps to steps, and the calendar inside the graph against Python's own."""

import datetime

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from workers.export.graph import Graph
from workers.export.graph_ops import GraphOps, Node
from workers.train import numpy_ops, timeline
from workers.train.failures import UserFailure
from workers.train.timeline import DAY_S, Frequency


def seconds(*texts: str) -> np.ndarray:
    return np.array([np.datetime64(text, "s").astype(np.int64) for text in texts])


def every(start: str, days: int, step: int = 1) -> np.ndarray:
    return (np.datetime64(start, "D") + np.arange(0, days, step)).astype("datetime64[s]").astype(np.int64)


def test_the_usual_rhythms_are_recognised() -> None:
    months = seconds(*(f"{2015 + m // 12}-{m % 12 + 1:02}-01" for m in range(40)))
    week = every("2024-01-01", 60)
    workdays = week[np.array([timeline.weekday(np, day) < 5 for day in week // DAY_S])]
    hours = np.arange(0, 100) * 3_600
    assert timeline.frequency_of([months], False) == Frequency("months", 1)
    assert timeline.frequency_of([week], False) == Frequency("seconds", DAY_S)
    assert timeline.frequency_of([workdays], False) == Frequency("business")
    assert timeline.frequency_of([hours], False) == Frequency("seconds", 3_600)
    assert timeline.frequency_of([every("2024-01-01", 200, 7)], False) == Frequency("seconds", 7 * DAY_S)
    assert timeline.frequency_of([np.arange(9)], True) == Frequency("steps")
    with pytest.raises(UserFailure, match="series-irregular"):
        timeline.frequency_of([np.sort(np.random.default_rng(0).integers(0, 10**8, 80))], False)


def test_local_midnights_on_both_sides_of_a_clock_change_are_days_one_after_the_other() -> None:
    days = every("2024-03-20", 20)
    local = np.where(np.arange(20) < 11, days - 3_600, days - 7_200)
    frequency = timeline.frequency_of([local], False)
    assert frequency == Frequency("seconds", DAY_S)
    assert timeline.places(frequency, local).tolist() == list(range(20))


def test_month_ends_and_weekends_are_counted_as_steps() -> None:
    ends = seconds("2024-01-31", "2024-02-29", "2024-03-31", "2024-05-31")
    assert timeline.places(Frequency("months", 1), ends).tolist() == [0, 1, 2, 4]
    fridays = seconds("2024-03-01", "2024-03-04", "2024-03-11")
    assert timeline.places(Frequency("business"), fridays).tolist() == [0, 1, 6]
    ahead = timeline.times_ahead(Frequency("business"), float(seconds("2024-03-01")[0]), 3)
    assert [str(np.datetime64(int(one), "s"))[:10] for one in ahead] == ["2024-03-04", "2024-03-05", "2024-03-06"]


@pytest.mark.parametrize("frequency", [Frequency("seconds", DAY_S), Frequency("seconds", 3_600), Frequency("business")])
def test_the_graph_reads_the_calendar_as_python_does(frequency: Frequency) -> None:
    start = datetime.datetime(1999, 12, 30, tzinfo=datetime.UTC)
    last = np.array([[(start + datetime.timedelta(days=371 * i)).timestamp()] for i in range(60)])
    ahead = np.arange(1.0, 41)[None]
    graph = Graph()
    ops = GraphOps(graph)
    node = Node(ops, graph.input("last", TensorProto.DOUBLE, ["N", 1]))
    for place, one in enumerate(timeline.calendar(ops, frequency, node, ops.constant(ahead))):
        graph.add("Identity", one.name, output=f"out{place}")
        graph.output(f"out{place}", TensorProto.DOUBLE, ["N", 40])
    raw: onnx.ModelProto = graph.finish("calendar")
    told = onnxruntime.InferenceSession(raw.SerializeToString()).run(None, {"last": last})
    here = timeline.calendar(numpy_ops, frequency, last, ahead)
    for one, other in zip(told, here, strict=True):
        assert np.array_equal(one, other)
    if frequency.kind == "seconds":
        moments = [[datetime.datetime.fromtimestamp(t + s * frequency.step, datetime.UTC) for s in range(1, 41)]
                   for (t,) in last]  # fmt: skip
        months = np.array([[moment.month for moment in row] for row in moments])
        weekdays = np.array([[moment.weekday() for moment in row] for row in moments])
        assert np.array_equal(here[-1], months)
        assert np.array_equal(here[0 if frequency.step == DAY_S else 1], weekdays)
