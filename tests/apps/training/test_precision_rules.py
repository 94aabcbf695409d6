"""The option `precision`: what may be asked of which task and pool."""

import pytest

from apps.training.precision_rules import fault_of_precision
from apps.training.rules import refusal_of_options


@pytest.mark.parametrize("task", ["tabular_classification", "forecasting", "recommendation", "question_answering"])
@pytest.mark.parametrize("wish", ["auto", "fp32"])
def test_full_numbers_may_be_asked_for_everywhere(task: str, wish: str) -> None:
    assert refusal_of_options(task, {"precision": wish}, []) is None
    assert fault_of_precision(task, {"precision": wish}, has_gpu=False) is None


@pytest.mark.parametrize(
    ("task", "wish", "has_gpu", "words"),
    [
        ("image_classification", "int4", True, "auto, fp32, int8, fp16"),
        ("forecasting", "int8", False, "not offered for forecasting"),
        ("text_embedding", "fp16", True, "not offered for text embedding"),
        ("image_classification", "fp16", False, "GPU"),
    ],
)
def test_what_cannot_be_rounded_is_refused_before_anything_is_spent(
    task: str, wish: str, has_gpu: bool, words: str
) -> None:
    fault = fault_of_precision(task, {"precision": wish}, has_gpu=has_gpu)
    assert fault is not None
    code, detail, location = fault
    assert (code, location) == ("yours:invalid", "options.precision")
    assert words in detail


def test_rounding_is_allowed_where_it_is_measured() -> None:
    assert fault_of_precision("tabular_regression", {"precision": "int8"}, has_gpu=False) is None
    assert fault_of_precision("image_classification", {"precision": "fp16"}, has_gpu=True) is None
