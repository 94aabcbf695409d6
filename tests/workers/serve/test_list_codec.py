"""Rows with lists of names: padded, renamed, and refused with the place of what is wrong."""

import pytest

from contracts.manifests import ColumnSpec, ModelManifest, OutputMeaning, TensorSpec
from workers.serve.list_codec import LIST_MOST, ListCodec, codec_of
from workers.serve.problems import Refused

COLUMNS = [
    ColumnSpec("user", "category", tensor="user", aliases=["customer"]),
    ColumnSpec("history", "items", tensor="history"),
    ColumnSpec("k", "number", tensor="k", default=10.0),
    ColumnSpec("exclude_seen", "boolean", tensor="exclude_seen", default=1.0),
]
INPUTS = [
    TensorSpec("user", "BYTES", [-1, 1]),
    TensorSpec("history", "BYTES", [-1, -1]),
    TensorSpec("k", "FP32", [-1, 1]),
    TensorSpec("exclude_seen", "FP32", [-1, 1]),
]


@pytest.fixture
def codec() -> ListCodec:
    meaning = OutputMeaning("ranking", items_tensor="ranked", scores_tensor="scores")
    found = codec_of(ModelManifest("recommendation", "item", "0" * 64, 1, 19, INPUTS, [], meaning, columns=COLUMNS))
    assert isinstance(found, ListCodec)
    return found


def test_lists_of_different_lengths_share_one_tensor_and_what_is_left_out_has_its_default(codec: ListCodec) -> None:
    feed = codec.decode([{"user": "a"}, {"history": ["x", 7, 2.5, "", None]}, {"user": None, "k": 3}])
    assert feed["history"].tolist() == [["", "", ""], ["x", "7", "2.5"], ["", "", ""]]
    assert feed["user"].tolist() == [["a"], [""], [""]]
    assert feed["k"].tolist() == [[10.0], [10.0], [3.0]]
    assert feed["exclude_seen"].tolist() == [[1.0], [1.0], [1.0]]


def test_a_column_may_come_under_its_other_name_and_as_a_number(codec: ListCodec) -> None:
    assert codec.decode([{"customer": 12, "exclude_seen": False}])["user"].tolist() == [["12"]]


@pytest.mark.parametrize(
    ("row", "place", "words"),
    [
        ({"history": "x"}, "rows[0].history", "a text"),
        ({"history": {"x": 1}}, "rows[0].history", "an object"),
        ({"history": ["x", ["y"]]}, "rows[0].history[1]", "expected a text"),
        ({"history": ["x"] * (LIST_MOST + 1)}, "rows[0].history", "at most"),
        ({"k": "many"}, "rows[0].k", "expected a number"),
        ({"histroy": ["x"]}, "rows[0].histroy", "no such column"),
        ("x", "rows[0]", "must be an object"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(codec: ListCodec, row: object, place: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        codec.decode([row])  # type: ignore[list-item]
    (error,) = caught.value.errors
    assert error["location"] == place
    assert words in error["message"]
