"""The model a tabular recipe leaves: its fitted families, how they answer together, and how it becomes a graph."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from contracts.manifests import ColumnSpec, OutputMeaning, TensorSpec
from workers.export import package, tabular_onnx
from workers.export.parts import Dense, Features, TabularModel, Trees
from workers.train import boosting, features, metrics, networks, seeds
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.readers import Table


@dataclass(frozen=True)
class Data:
    table: Table
    rows: np.ndarray  # row numbers in the dataset (rows without a label are left out)
    specs: list[ColumnSpec]  # columns of the dataset without the target
    used: list[ColumnSpec]
    truth: np.ndarray  # class index, or float64 value
    classes: list[str]  # empty: regression

    @property
    def groups(self) -> np.ndarray:
        return self.truth if self.classes else np.zeros(self.table.rows, dtype=np.int64)


@dataclass
class Member:
    """One fitted family: what the graph needs, and for trees LightGBM's own model as the reference."""

    family: str
    dense: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    boosted: boosting.Boosted | None = None
    setting: float = 0.0  # rounds, or the penalty of a linear model: what the second fit takes over

    def predict(self, dense: np.ndarray, trees: np.ndarray, classes: int) -> np.ndarray:
        """Probabilities [N, C], or standardised values [N, 1]."""
        if self.boosted is None:
            return networks.predict(self.dense, dense, bool(classes))
        raw = self.boosted.raw(trees)
        if classes == 2:
            yes = 1 / (1 + np.exp(-raw))
            return np.concatenate([1 - yes, yes], axis=1)
        if classes:
            spread = np.exp(raw - raw.max(axis=1, keepdims=True))
            return spread / spread.sum(axis=1, keepdims=True)
        return raw

    def part(self) -> Dense | Trees:
        return Dense(self.dense) if self.boosted is None else Trees(self.boosted.base, self.boosted.trees())

    def as_saved(self) -> Saved:
        facts: dict[str, Any] = {"setting": self.setting, "layers": len(self.dense)}
        arrays = {
            f"{name}{i}": part for i, layer in enumerate(self.dense) for name, part in zip("wb", layer, strict=True)
        }
        if self.boosted is not None:
            facts |= {"texts": self.boosted.texts, "rounds": self.boosted.rounds}
            arrays["base"] = self.boosted.base
        return Saved(facts, arrays)

    @classmethod
    def from_saved(cls, family: str, saved: Saved) -> "Member":
        dense = [(saved.arrays[f"w{i}"], saved.arrays[f"b{i}"]) for i in range(saved.facts["layers"])]
        boosted = (
            boosting.Boosted(saved.facts["texts"], saved.facts["rounds"], saved.arrays["base"])
            if "texts" in saved.facts
            else None
        )
        return cls(family, dense, boosted, saved.facts["setting"])


@dataclass
class Fitted:
    """The kept model. `predict` is the training frameworks' own answer."""

    data: Data
    features: Features
    weights: list[float]
    members: list[Member]
    family: str
    temperature: float
    mean: float
    scale: float

    reference_name = f"torch {networks.torch.__version__}, lightgbm {boosting.lightgbm.__version__}"
    tolerance = None

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities [N, C], or values [N], for row positions of the data."""
        return self.answer(self.data.table.take(rows))

    def answer(self, table: Table) -> np.ndarray:
        dense, trees = features.dense(self.features, table), features.for_trees(self.features, table)
        classes = len(self.data.classes)
        answers = [w * m.predict(dense, trees, classes) for w, m in zip(self.weights, self.members, strict=True)]
        blended = np.sum(answers, axis=0)
        return temper(blended, self.temperature) if classes else self.mean + self.scale * blended[:, 0]

    def model(self) -> TabularModel:
        parts = [(weight, member.part()) for weight, member in zip(self.weights, self.members, strict=True)]
        return TabularModel(self.features, parts, self.data.classes, self.temperature, self.mean, self.scale)

    def to_onnx(self) -> onnx.ModelProto:
        return tabular_onnx.to_onnx(self.model())

    def feed(self, table: Table) -> dict[str, np.ndarray]:
        """What ONNX Runtime gets for these rows: [N, 1] float32 or text per used column."""
        names = [*self.features.numbers.names, *self.features.categories.names]
        return {tensor: table.columns[name].reshape(-1, 1) for name, tensor in tabular_onnx.tensor_names(names).items()}

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

    def importance(self, rows: np.ndarray, time: Slice, seed: int) -> list[dict[str, Any]]:
        """How much the primary metric worsens when one column is shuffled; columns not reached in time are left out."""
        table, truth = self.data.table.take(rows), self.data.truth[rows]
        before = self._loss(table, truth)
        found: list[dict[str, Any]] = []
        for spec in self.data.used:
            if time.is_over():
                break
            shuffled = seeds.generator(seed, "importance", spec.name).permutation(table.columns[spec.name])
            drop = self._loss(Table({**table.columns, spec.name: shuffled}, table.rows), truth) - before
            found.append({"column": spec.name, "drop": round(drop, 6)})
        return sorted(found, key=lambda one: -float(one["drop"]))

    def _loss(self, table: Table, truth: np.ndarray) -> float:
        answer = self.answer(table)
        return metrics.log_loss(truth, answer) if self.data.classes else metrics.regression(truth, answer)["rmse"]

    def example(self, row: int) -> dict[str, Any]:
        values = {spec.name: self.data.table.columns[spec.name][row] for spec in self.data.specs}
        plain = {k: (None if v != v or v == "" else v if isinstance(v, str) else float(v)) for k, v in values.items()}
        return {"row": int(self.data.rows[row]), "values": plain}

    def outputs(self) -> tuple[list[TensorSpec], OutputMeaning]:
        return package.label_outputs(self.data.classes)

    def describe(self) -> dict[str, Any]:
        """The manifest's view of the inputs."""
        names = [*self.features.numbers.names, *self.features.categories.names]
        tensors = tabular_onnx.tensor_names(names)
        kinds = ["FP32"] * len(self.features.numbers.names) + ["BYTES"] * len(self.features.categories.names)
        inputs = [TensorSpec(tensors[name], kind, [-1, 1]) for name, kind in zip(names, kinds, strict=True)]
        columns = [
            features.describe(spec, self.data.table.columns[spec.name], tensors.get(spec.name, ""))
            for spec in self.data.specs
        ]
        return {"inputs": inputs, "columns": columns}


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    if temperature == 1.0:
        return probabilities
    cooled = np.log(np.maximum(probabilities, tabular_onnx.LEAST_PROBABILITY)) / temperature
    spread = np.exp(cooled - cooled.max(axis=1, keepdims=True))
    return spread / spread.sum(axis=1, keepdims=True)
