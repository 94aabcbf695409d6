"""The model a tabular recipe leaves: its fitted families, how they answer together, and how it becomes a graph."""

import dataclasses
import functools
from dataclasses import dataclass, field
from typing import Any

import lightgbm
import numpy as np
import onnx
import sklearn
import torch
import xgboost

from contracts.manifests import ColumnSpec, OutputMeaning, TensorSpec
from workers.export import package, parity, tabular_onnx
from workers.export.parts import Features, TabularModel
from workers.train import derived, features, metrics, seeds
from workers.train.budget import Slice
from workers.train.candidates import Member
from workers.train.ensemble import temper
from workers.train.families import Rows
from workers.train.readers import Table


@dataclass(frozen=True)
class Data:
    table: Table
    rows: np.ndarray  # row numbers in the dataset (rows without a label are left out)
    specs: list[ColumnSpec]  # columns of the dataset without the target
    used: list[ColumnSpec]
    truth: np.ndarray  # class index, or float64 value
    classes: list[str]  # empty: regression
    order: np.ndarray | None = None  # time splits: seconds or values to sort by
    groups: np.ndarray | None = None  # group splits: id per row

    @property
    def strata(self) -> np.ndarray:
        return self.truth if self.classes else np.zeros(self.table.rows, dtype=np.int64)


@dataclass
class Fitted:
    """The kept model. `answer` is the training frameworks' own; `unseen` is of fits that never saw the test rows."""

    data: Data
    features: Features
    members: list[Member] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    ships: list[str] = field(default_factory=list)  # names of the folds whose fits are in the graph
    family: str = ""
    temperature: float = 1.0
    threshold: float = 0.5
    unseen: np.ndarray | None = None  # answers to the test rows by the fits that held them out
    unseen_rows: np.ndarray | None = None
    out_of_fold: tuple[np.ndarray, np.ndarray] | None = None  # classes: rows, and answers of fits without them

    reference_name = (
        f"lightgbm {lightgbm.__version__}, xgboost {xgboost.__version__}, scikit-learn {sklearn.__version__}, "
        f"torch {torch.__version__}"
    )
    tolerance = None

    @property
    def method(self) -> str:
        fits = max(sum(name in member.fits for name in self.ships) for member in self.members)
        return (
            "The test rows were answered by fits that never saw them. The model in the file is the mean "
            f"of up to {fits} fits per family, which together have learned from every row: usually a little better."
        )

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities [N, C], or values [N], for row positions; test rows as answered by fits without them."""
        if self.unseen is not None and self.unseen_rows is not None and np.array_equal(rows, self.unseen_rows):
            return self.unseen
        return self.answer(self.data.table.take(rows))

    def rows_of(self, table: Table) -> Rows:
        full = derived.apply(table, self.features.words, self.features.dates)
        return Rows(features.dense(self.features, full), features.for_trees(self.features, full), np.zeros(0))

    def answer(self, table: Table) -> np.ndarray:
        rows, classes = self.rows_of(table), len(self.data.classes)
        answers = [m.answer([n for n in self.ships if n in m.fits], rows, classes) for m in self.members]
        return self.together(answers)

    def together(self, answers: list[np.ndarray]) -> np.ndarray:
        blended = np.tensordot(self.weights, np.stack(answers), axes=1)
        return temper(blended, self.temperature) if self.data.classes else blended[:, 0]

    def model(self) -> TabularModel:
        classes = self.data.classes
        parts = [m.weighted(w, self.ships, len(classes)) for w, m in zip(self.weights, self.members, strict=True)]
        return TabularModel(self.features, parts, classes, self.temperature, self.threshold)

    @functools.cached_property
    def _graph(self) -> onnx.ModelProto:
        return tabular_onnx.to_onnx(self.model())

    def to_onnx(self) -> onnx.ModelProto:
        return self._graph

    def _tensors(self) -> dict[str, str]:
        return tabular_onnx.tensor_names(tabular_onnx.used_columns(self.features))

    def feed(self, table: Table) -> dict[str, np.ndarray]:
        """What ONNX Runtime gets for these rows: [N, 1] float32, float64 (dates) or text per used column."""
        return {tensor: table.columns[name].reshape(-1, 1) for name, tensor in self._tensors().items()}

    def parity_groups(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Inputs and reference answers: the rows themselves, then some with everything missing or unknown."""
        table = self.data.table.take(rows)
        strange = table.take(np.arange(min(table.rows, 8)))
        for values in strange.columns.values():
            half = len(values) // 2
            is_text = values.dtype == object
            values[:half] = "" if is_text else np.nan
            values[half:] = "a word never seen" if is_text else values[half:] * 1e6
        return [(self.feed(one), self.answer(one)) for one in (table, strange)]

    def judged(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        return [(self.feed(self.data.table.take(rows)), self.data.truth[rows])]

    def importance(self, rows: np.ndarray, time: Slice, seed: int) -> list[dict[str, Any]]:
        """How much the primary metric worsens when one column is shuffled; columns not reached in time are left out."""
        table, truth = self.data.table.take(rows), self.data.truth[rows]
        honest = dataclasses.replace(self, ships=["test"])  # fits that never saw these rows
        session = parity.open_session(honest.to_onnx().SerializeToString())
        output = "probabilities" if self.data.classes else "value"

        def loss(one: Table) -> float:
            answer = session.run([output], self.feed(one))[0]
            return metrics.log_loss(truth, answer) if self.data.classes else metrics.regression(truth, answer)["rmse"]

        before = loss(table)
        found: list[dict[str, Any]] = []
        for spec in self.data.used:
            if time.is_over():
                break
            shuffled = seeds.generator(seed, "importance", spec.name).permutation(table.columns[spec.name])
            drop = loss(Table({**table.columns, spec.name: shuffled}, table.rows)) - before
            found.append({"column": spec.name, "drop": round(drop, 6)})
        return sorted(found, key=lambda one: -float(one["drop"]))

    def example(self, row: int) -> dict[str, Any]:
        values = {spec.name: self.data.table.columns[spec.name][row] for spec in self.data.specs}
        for spec in self.data.specs:
            if spec.type == "datetime" and np.isfinite(values[spec.name]):
                values[spec.name] = str(np.datetime64(int(values[spec.name]), "s"))
        plain = {k: (None if v != v or v == "" else v if isinstance(v, str) else float(v)) for k, v in values.items()}
        return {"row": int(self.data.rows[row]), "values": plain}

    def outputs(self) -> tuple[list[TensorSpec], OutputMeaning]:
        tensors, meaning = package.label_outputs(self.data.classes)
        return tensors, dataclasses.replace(meaning, threshold=self.threshold)

    def describe(self) -> dict[str, Any]:
        """The manifest's view of the inputs."""
        tensors = self._tensors()
        numbers, dates, texts = self.features.inputs()
        kinds = ["FP32"] * len(numbers) + ["FP64"] * len(dates) + ["BYTES"] * len(texts)
        inputs = [TensorSpec(tensors[name], kind, [-1, 1]) for name, kind in zip(tensors, kinds, strict=True)]
        columns = [
            features.describe(spec, self.data.table.columns[spec.name], tensors.get(spec.name, ""))
            for spec in self.data.specs
        ]
        return {"inputs": inputs, "columns": columns}
