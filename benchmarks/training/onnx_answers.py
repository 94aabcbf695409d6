"""A downloaded model.onnx in plain ONNX Runtime, asked as its manifest says, answers in the form that is scored."""

import csv
import io
import statistics
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps

from benchmarks.training.sets import BenchSet, read_rows
from contracts.manifests import ColumnSpec, ModelManifest
from workers.serve.list_codec import codec_of

CHUNK = 256  # rows at once
TOP = 10
LATENCY_CALLS = 200
LATENCY_S = 3.0
WARM_CALLS = 3

Ask = Any  # a row of a table, a user, a series; or an encoded image


class OnnxModel:
    """One thread, as the data plane runs it for a single row."""

    def __init__(self, package: bytes, manifest: ModelManifest) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(package, options, providers=["CPUExecutionProvider"])
        self._manifest = manifest
        self._codec = None if manifest.codec else codec_of(manifest)

    def tensors(self, asks: list[Ask]) -> dict[str, np.ndarray]:
        """The model's outputs by name, all asks together, or image by image where their sizes may differ."""
        if self._codec is None:
            parts = [self._run({self._manifest.inputs[0].name: _pixels(ask)}) for ask in asks]
        else:
            parts = [self._run(self._codec.decode(asks[first : first + CHUNK])) for first in range(0, len(asks), CHUNK)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def latency_ms(self, ask: Ask) -> float:
        """Median of single asks, from the raw row to the tensors."""
        for _ in range(WARM_CALLS):
            self.tensors([ask])
        taken_ms: list[float] = []
        end_s = time.monotonic() + LATENCY_S
        while len(taken_ms) < LATENCY_CALLS and time.monotonic() < end_s:
            began_s = time.perf_counter()
            self.tensors([ask])
            taken_ms.append((time.perf_counter() - began_s) * 1000)
        return statistics.median(taken_ms)

    def _run(self, feed: dict[str, Any]) -> dict[str, np.ndarray]:
        names = [spec.name for spec in self._manifest.outputs]
        return dict(zip(names, self._session.run(names, feed), strict=True))


def asks_of(bench_set: BenchSet, manifest: ModelManifest) -> list[Ask]:
    """What to ask for each test row, without the truth: what a customer would send."""
    rows = read_rows(bench_set.folder / "test.csv")
    if bench_set.task == "image_classification":
        with zipfile.ZipFile(bench_set.folder / "test.zip") as archive:
            return [archive.read(row["file"]) for row in rows]
    if bench_set.task == "recommendation":
        return [{"user": row["user_id"], "k": TOP} for row in rows]
    if bench_set.task == "forecasting":
        return [{"horizon": bench_set.horizon}]
    columns = {column.name: column for column in manifest.columns if column.tensor}
    return [{name: _cell(columns[name], text) for name, text in row.items() if name in columns} for row in rows]


def _cell(column: ColumnSpec, text: str) -> Any:
    """The JSON value of a CSV cell."""
    if text == "":
        return None
    if column.type in ("number", "boolean"):
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _pixels(data: Ask) -> np.ndarray:
    """The one named codec: upright RGB, uint8 [1, H, W, 3]."""
    assert isinstance(data, bytes)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return np.asarray(upright.convert("RGB"), np.uint8)[np.newaxis]


def write_predictions(bench_set: BenchSet, manifest: ModelManifest, tensors: dict[str, Any], path: Path) -> None:
    """predictions.csv for the scorer."""
    meaning = manifest.meaning
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if bench_set.task.endswith("classification"):
            writer.writerow(["prediction", *[f"p_{name}" for name in meaning.classes]])
            shares = tensors[meaning.probabilities_tensor]
            writer.writerows(zip(_texts(tensors[meaning.label_tensor]), *shares.T.tolist(), strict=True))
        elif bench_set.task == "recommendation":
            writer.writerow(["user_id", "item_id", "rank"])
            users = [row["user_id"] for row in read_rows(bench_set.folder / "test.csv")]
            for user, items in zip(users, tensors[meaning.items_tensor], strict=True):
                found = [item for item in _texts(items) if item][:TOP]
                writer.writerows([user, item, rank] for rank, item in enumerate(found, 1))
        elif bench_set.task == "forecasting":
            writer.writerow(["prediction", "lower", "upper"])
            names = (meaning.value_tensor, meaning.lower_tensor, meaning.upper_tensor)
            series = [tensors[name][0, : bench_set.horizon].tolist() for name in names]
            writer.writerows(zip(*series, strict=True))
        else:
            writer.writerow(["prediction"])
            writer.writerows([value] for value in np.ravel(tensors[meaning.value_tensor]).tolist())


def _texts(values: Any) -> list[str]:
    return [str(value) for value in np.ravel(values).tolist()]
