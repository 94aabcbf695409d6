"""What every exported graph promises: names, sizes, standard operators, and a parity check that can fail."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from workers.export import image_onnx, parity
from workers.export.graph import Graph
from workers.export.package import serialise
from workers.export.parts import Categories, Dense, Features, Numbers, TabularModel, Weighted
from workers.export.tabular_onnx import tensor_names, to_onnx


def test_columns_keep_their_names_unless_a_graph_could_not_bear_them() -> None:
    names = tensor_names(["age", "Größe", "label", "a b", "column_1", "x" * 101])
    assert names == {
        "age": "age",
        "Größe": "column_1",
        "label": "column_2",
        "a b": "column_3",
        "column_1": "column_4",
        "x" * 101: "column_5",
    }
    assert len(set(names.values())) == len(names)


def linear_model(weight: float = 1.0) -> TabularModel:
    f32 = np.float32
    numbers = Numbers(
        ["x"], np.array([2], f32), np.array([False]), np.array([0], f32), np.array([1], f32),
        np.zeros(0, np.int64), np.zeros(0, f32), np.zeros(0, f32),
    )  # fmt: skip
    words = Categories(["word"], [["yes", ""]], [-1])
    weights = np.array([[[weight, -weight], [1, -1], [0, 0]]], dtype=f32)  # [1, 3, 2]
    return TabularModel(
        Features(numbers, words), [Weighted(1.0, Dense([(weights, np.zeros((1, 1, 2), f32))]))], ["a", "b"]
    )


def test_a_graph_written_by_hand_is_what_the_arithmetic_says() -> None:
    session = parity.open_session(serialise(to_onnx(linear_model())))
    feed = {
        "x": np.array([[1], [np.nan], [-3]], dtype=np.float32),
        "word": np.array([["yes"], ["never seen"], [""]], dtype=object),
    }
    label, shares = session.run(["label", "probabilities"], feed)
    expected = 1 / (1 + np.exp(-2 * np.array([2.0, 2.0, -3.0])))  # 1 + yes, the median 2, -3
    np.testing.assert_allclose(shares[:, 0], expected, atol=1e-6)
    assert list(label) == ["a", "a", "b"]


def test_parity_fails_when_the_graph_is_another_model() -> None:
    feed = {"x": np.linspace(-2, 2, 50, dtype=np.float32)[:, None], "word": np.full((50, 1), "yes", dtype=object)}
    right, wrong = (parity.open_session(serialise(to_onnx(linear_model(weight)))) for weight in (1.0, -1.0))
    reference = right.run(["probabilities"], feed)[0].astype(np.float64)
    certificates = [
        parity.certify(one, [(feed, reference)], reference_name="r", model_sha256="") for one in (right, wrong)
    ]
    assert [one.passed for one in certificates] == [True, False]
    assert certificates[1].label_flips > 0


def test_parity_fails_when_the_graph_answers_nan() -> None:
    graph = Graph()
    graph.input("x", TensorProto.FLOAT, ["N", 1])
    graph.add("Reshape", graph.add("Log", "x"), graph.constant(np.array([-1])), output="value")
    graph.output("value", TensorProto.FLOAT, ["N"])
    session = parity.open_session(serialise(graph.finish("log")))
    feed = {"x": np.array([[1.0], [-1.0]], dtype=np.float32)}
    assert not parity.certify(session, [(feed, np.zeros(2))], reference_name="r", model_sha256="").passed


@pytest.mark.parametrize("shape", [(8, 8), (16, 16), (37, 91), (200, 31), (1, 1), (5, 300)])
def test_the_graph_resizes_like_torch_at_every_size(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, *shape, 3), dtype=np.uint8)

    class Middle(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)[:, ::97]

    model = image_onnx.to_onnx(Middle(), 16, 0.0, 255.0, [str(i) for i in range(8)], 1.0)
    (shares,) = onnxruntime.InferenceSession(serialise(model)).run(["probabilities"], {"image": pixels})
    expected = torch.softmax(image_onnx.resize_like_graph(pixels, 16).flatten(1)[:, ::97] / 255, dim=1)
    np.testing.assert_allclose(shares, expected.numpy(), atol=1e-5)


def test_a_tensor_outside_the_file_is_refused() -> None:
    model = to_onnx(linear_model())
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(ValueError, match="outside"):
        serialise(model)


def test_an_operator_that_is_not_standard_is_refused() -> None:
    model = to_onnx(linear_model())
    model.graph.node.append(helper.make_node("Secret", ["x"], ["z"], domain="com.example"))
    with pytest.raises(ValueError, match="not standard"):
        serialise(model)
