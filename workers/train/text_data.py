"""Reads a table of texts: which columns are the text, the texts as the graph joins them, and the label if any."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contracts.manifests import ColumnSpec, TensorSpec
from workers.train import features
from workers.train.context import RunContext
from workers.train.failures import UserFailure
from workers.train.readers import Table, read_table

MOST_CLASSES = 1_000
EXAMPLE_CHARACTERS_MOST = 600
LEAST_CHARACTERS = 12  # on average, for a column that nobody called a text


@dataclass(frozen=True)
class TextData:
    """Rows of texts; `truth` holds class numbers where there are classes."""

    table: Table
    rows: np.ndarray  # positions in the dataset
    specs: list[ColumnSpec]  # all but the target
    used: list[str]  # names of the text columns
    texts: list[str]
    truth: np.ndarray
    classes: list[str]
    labels: list[str]  # the target column as it stands; the texts where there is none

    @property
    def tensors(self) -> dict[str, str]:
        """Column → ONNX input."""
        return {name: "text" if len(self.used) == 1 else f"text_{place}" for place, name in enumerate(self.used)}

    def feed(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {tensor: self.table.columns[name][rows].reshape(-1, 1) for name, tensor in self.tensors.items()}

    def example(self, row: int) -> dict[str, Any]:
        shown = {name: self.table.columns[name][row][:EXAMPLE_CHARACTERS_MOST] for name in self.used}
        return {"row": int(self.rows[row]), "values": shown}

    def describe(self) -> dict[str, Any]:
        """The manifest's view of the inputs."""
        columns = [
            dataclasses.replace(
                features.describe(spec, self.table.columns[spec.name], self.tensors.get(spec.name, "")),
                categories=[],
                typical=[],
            )
            for spec in self.specs
            if spec.name in self.used
        ]
        return {"inputs": [TensorSpec(one, "BYTES", [-1, 1]) for one in self.tensors.values()], "columns": columns}


def load_texts(run: RunContext, path: Path, *, with_classes: bool) -> TextData:
    """Read every column as text. Raises UserFailure where nothing can be learnt."""
    names = {one.name for one in dataclasses.fields(ColumnSpec)}
    specs = [ColumnSpec(**{key: value for key, value in one.items() if key in names}) for one in run.job.columns]
    inputs = [dataclasses.replace(one) for one in specs if one.name != run.job.target]
    wanted = [ColumnSpec(one.name, "text") for one in inputs]
    target = [ColumnSpec(run.job.target, "category")] if run.job.target else []
    table = read_table(path, [*wanted, *target])
    used = text_columns(inputs, table)
    texts = np.array(["\n".join(row) for row in zip(*(table.columns[name] for name in used), strict=True)], object)
    values = table.columns[run.job.target] if target else texts
    has_text = np.array([bool(text.strip()) for text in texts], dtype=bool)
    kept = np.flatnonzero(has_text & (values != ""))
    if len(kept) < table.rows:
        run.progress.log(f"{table.rows - len(kept)} rows lack a text or a label and are left out.")
    if not len(kept):
        raise UserFailure("yours:labels-missing", "No row has both a text and a label.")
    run.progress.log(f"The text is read from {', '.join(repr(name) for name in used)}.")
    truth, classes = labels_of(values[kept], run.job.target) if with_classes else (np.zeros(len(kept), np.int64), [])
    labels = [str(one) for one in values[kept]]
    return TextData(table.take(kept), kept, inputs, used, texts[kept].tolist(), truth, classes, labels)


def text_columns(inputs: list[ColumnSpec], table: Table) -> list[str]:
    """Columns of the type text; without one, the words that are longest on average."""
    texts = [one.name for one in inputs if one.type == "text"]
    if texts:
        return texts
    words = [one.name for one in inputs if one.type in ("category", "id")]
    lengths = {name: float(np.mean([len(value) for value in table.columns[name]] or [0])) for name in words}
    best = max(lengths, key=lambda name: lengths[name], default="")
    if not best or (lengths[best] < LEAST_CHARACTERS and len(words) > 1):
        raise UserFailure("yours:text-missing", "No column of the dataset holds texts.")
    return [best]


def labels_of(values: np.ndarray, target: str) -> tuple[np.ndarray, list[str]]:
    """Class numbers and names, in the order of the names."""
    classes, truth, counts = np.unique(values.astype(str), return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise UserFailure("yours:one-class", f"Every row of {target!r} says {classes[0]!r}.")
    if len(classes) > MOST_CLASSES:
        raise UserFailure("yours:target-type", f"{target!r} has {len(classes):,} different values; too many classes.")
    if counts.min() < 3:
        rare = classes[counts.argmin()]
        raise UserFailure(
            "yours:class-too-small", f"The class {rare!r} has {counts.min()} rows; at least 3 are needed."
        )
    return truth.astype(np.int64), [str(one) for one in classes]
