"""The model a forecasting run leaves: its members and weights, its interval, the last window of every known series."""

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import onnx

from contracts.manifests import ColumnSpec, OutputMeaning, TensorSpec
from workers.export import forecast_onnx
from workers.train import numpy_ops, origins
from workers.train.budget import Slice
from workers.train.forecast_forward import Member, Shape, forward
from workers.train.origins import Cut, Origins
from workers.train.series import SeriesTable

KNOWN_MOST = 50  # names shown in forms


@dataclass(frozen=True)
class Data:
    table: SeriesTable
    cuts: list[Cut]
    shape: Shape
    interval: float
    origins: Origins  # all of them; the parts of a run are row numbers of it
    sizes: tuple[int, ...]  # how many teach, choose, measure
    target: str

    @property
    def is_keyed(self) -> bool:
        return bool(self.table.key_columns)

    def windows(self, rows: np.ndarray) -> np.ndarray:
        return origins.windows(self.table.series, self.at(rows), self.shape.window)

    def targets(self, rows: np.ndarray) -> np.ndarray:
        return origins.targets(self.table.series, self.at(rows), self.shape.horizon)

    def at(self, rows: np.ndarray) -> Origins:
        return Origins(self.origins.at[rows], self.origins.ends[rows])

    def last_times(self, rows: np.ndarray) -> np.ndarray:
        """[M, 1] seconds of the last step before each origin."""
        out = np.zeros((len(rows), 1))
        for place, (number, moment) in enumerate(self.origins.at[rows]):
            one = self.table.series[number]
            out[place] = time_of(self, one.last_time, len(one.values) - int(moment))
        return out


def time_of(data: Data, last_time: float, steps_back: int) -> float:
    """Seconds of the step that lies so many steps before the last one; exact to the day, which is what is asked."""
    frequency = data.shape.frequency
    if frequency.kind == "steps":
        return last_time - steps_back
    if frequency.kind == "seconds":
        return last_time - float(steps_back * frequency.step)
    day = np.datetime64(int(last_time) + 43_200, "s").astype("datetime64[D]")
    if frequency.kind == "business":
        back = np.busday_offset(day, -steps_back, roll="backward")
        return float(back.astype("datetime64[s]").astype(np.int64))
    month = day.astype("datetime64[M]") - steps_back * frequency.step
    inside = (day - day.astype("datetime64[M]")).astype(int)
    return float((month.astype("datetime64[D]") + min(int(inside), 27)).astype("datetime64[s]").astype(np.int64))


@dataclass
class Fitted:
    data: Data
    members: list[tuple[float, Member]]  # for the exported model: fitted on everything
    measured: list[tuple[float, Member]]  # the same choice fitted without the test stretch
    family: str
    bands: np.ndarray  # [2, H] of the exported model
    measured_bands: np.ndarray

    reference_name = f"numpy {np.__version__}, lightgbm {lightgbm.__version__}"
    tolerance = None

    def answer(
        self, windows: np.ndarray, last_times: np.ndarray, is_measured: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """value, lower, upper [N, H] float64."""
        members = self.measured if is_measured else self.members
        bands = self.measured_bands if is_measured else self.bands
        return forward(numpy_ops, members, bands, windows, last_times, self.data.shape)

    def stored(self) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Names [S], last windows [S, L] float32 and last times [S] of the known series."""
        series = self.data.table.series
        ends = Origins(
            np.array([[i, len(one.values)] for i, one in enumerate(series)], dtype=np.int64),
            np.zeros(len(series), dtype=np.int64),
        )
        windows = origins.windows(series, ends, self.data.shape.window).astype(np.float32)
        return [one.name for one in series], windows, np.array([one.last_time for one in series])

    def to_onnx(self) -> onnx.ModelProto:
        names, windows, times = self.stored()
        return forecast_onnx.to_onnx(
            self.members, self.bands, self.data.shape, names if self.data.is_keyed else [], windows, times
        )

    def parity_groups(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Histories as a caller sends them, then the known series by name."""
        history = self.data.windows(rows)
        times = self.data.last_times(rows)
        names, windows, last = self.stored()
        kept = slice(0, 200 if self.data.is_keyed else 1)
        return [
            (self.feed([""] * len(rows), history, times), self.answer(history, times)[0]),
            (
                self.feed(names[kept], np.full(windows[kept].shape, np.nan), np.full((len(names[kept]), 1), np.nan)),
                self.answer(windows[kept].astype(np.float64), last[kept, None])[0],
            ),
        ]

    def feed(self, names: list[str], history: np.ndarray, times: np.ndarray) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {
            "history": history.astype(np.float32),
            "last_time": times.astype(np.float64),
            "horizon": np.full((len(history), 1), np.nan, dtype=np.float32),
        }
        if self.data.is_keyed:
            found["series"] = np.array(names, dtype=object).reshape(-1, 1)
        return found

    def importance(self, rows: np.ndarray, time: Slice, seed: int) -> list[dict[str, Any]]:
        """A series has one column; what matters is which forecasts were blended, and the board says that."""
        return []

    def outputs(self) -> tuple[list[TensorSpec], OutputMeaning]:
        names = ("value", "lower", "upper")
        meaning = OutputMeaning("forecast", value_tensor="value", lower_tensor="lower", upper_tensor="upper")
        return [TensorSpec(name, "FP32", [-1, self.data.shape.horizon]) for name in names], meaning

    def describe(self) -> dict[str, Any]:
        """The manifest's view of the inputs."""
        shape = self.data.shape
        series = self.data.table.series
        inputs = [
            TensorSpec("history", "FP32", [-1, shape.window]),
            TensorSpec("last_time", "FP64", [-1, 1]),
            TensorSpec("horizon", "FP32", [-1, 1]),
        ]
        known_end = None if self.data.is_keyed else shown_time(shape, series[0].last_time)
        recent = [float(f"{v:.7g}") for v in series[0].values[-min(12, shape.window) :] if np.isfinite(v)]
        kind = "number" if shape.frequency.kind == "steps" else "datetime"
        columns = [
            ColumnSpec("history", "numbers", tensor="history", example=None if self.data.is_keyed else recent),
            ColumnSpec("last_time", kind, tensor="last_time", example=known_end),
            ColumnSpec("horizon", "number", tensor="horizon", example=shape.horizon, minimum=1, maximum=shape.horizon),
        ]
        if self.data.is_keyed:
            inputs.insert(0, TensorSpec("series", "BYTES", [-1, 1]))
            known = [one.name for one in series[:KNOWN_MOST]]
            columns.insert(0, ColumnSpec("series", "category", tensor="series", example=known[0], categories=known))
        return {"inputs": inputs, "columns": columns}


def shown_time(shape: Shape, seconds: float) -> Any:
    """A stamp as people write it: a date where the step is a day or longer."""
    if shape.frequency.kind == "steps":
        return int(seconds)
    text = str(np.datetime64(int(seconds), "s"))
    return text[:10] if text.endswith("T00:00:00") else f"{text}Z"
