"""ONNX Runtime sessions by sha256: loaded once, warmed, timed, shared, dropped when nobody needs their memory."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from contracts.manifests import ColumnSpec, ModelManifest, TensorSpec
from workers.serve.cost import Cost
from workers.serve.encode import PredictionWriter
from workers.serve.list_codec import codec_of
from workers.serve.memory import give_back
from workers.serve.packages import Packages
from workers.serve.problems import Refused
from workers.serve.providers import candidate_providers, explain
from workers.serve.session_options import session_options

log = logging.getLogger(__name__)

DTYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
IDLE_S = 30.0  # a model unused for this long may make room for another
MOST_TEXT_CHARACTERS = 100_000  # graphs that split texts need some kilobytes for each character
WARM_SIDE = 64  # pixels of the warm-up image when the manifest names none


class Model:
    """A loaded package. In-flight requests hold references; the session ends with the last of them."""

    def __init__(self, path: Path, manifest: ModelManifest) -> None:
        self.sha256 = manifest.model_sha256 or path.parent.name
        self.manifest = manifest
        wanted = candidate_providers()
        self.session = ort.InferenceSession(str(path), session_options(), providers=wanted)
        # The binding itself: the wrapper around it looks at every input again, for graph capture on WebGPU.
        self._run = self.session._sess.run
        self.providers: list[str] = self.session.get_providers()
        self.provider_reason = explain(self.session, wanted)
        self.output_names = [output.name for output in self.session.get_outputs()]
        self.inputs = {spec.name: spec for spec in manifest.inputs}
        self.is_image = bool(manifest.codec)
        self.table = None if self.is_image else codec_of(manifest)
        self._texts = [c.tensor for c in manifest.columns if c.type == "text" and c.tensor in self.inputs]
        self.writer = PredictionWriter(manifest.meaning)
        self.memory_bytes = path.stat().st_size * 2
        self.used_s = time.monotonic()
        self.batcher: Any = None  # set by the road that runs it
        self.cost = Cost.measure(self._try)  # also warms the session: the first runs are slow

    def run(self, feed: dict[str, Any]) -> dict[str, Any]:
        """Raises Refused for a text that would take more memory than one request may."""
        for name in self._texts:
            longest = max(map(len, feed[name].flat), default=0)
            if longest > MOST_TEXT_CHARACTERS:
                detail = f"A text has {longest:,} characters; at most {MOST_TEXT_CHARACTERS:,} are taken."
                raise Refused("yours:too-large", detail)
        return dict(zip(self.output_names, self._run(self.output_names, feed, None), strict=True))

    def _try(self, rows: int) -> None:
        columns = {column.tensor: column for column in self.manifest.columns}
        self.run(
            {
                spec.name: _sample(spec, rows, self.manifest.image_size, columns.get(spec.name))
                for spec in self.manifest.inputs
            }
        )


class Sessions:
    """Loaded models. Loading happens off the event loop, one at a time; the loop itself never waits for the lock."""

    def __init__(self, packages: Packages, cap_bytes: int) -> None:
        self._packages = packages
        self._cap_bytes = cap_bytes
        self._models: dict[str, Model] = {}
        self._loading = threading.Lock()

    def get(self, sha256: str) -> Model | None:
        return self._models.get(sha256)

    def load(self, sha256: str) -> Model:
        """Fetch, load and warm. Blocks; what raises says why the model is unavailable."""
        with self._loading:
            model = self._models.get(sha256)
            if model is None:
                path, manifest = self._packages.fetch(sha256)
                self._make_room(path.stat().st_size * 2)
                started = time.perf_counter()
                model = Model(path, manifest)
                self._models[sha256] = model
                give_back()
                log.info(
                    "model %s ready in %.0f ms on %s; a row takes %.3f ms",
                    sha256[:12],
                    (time.perf_counter() - started) * 1000,
                    model.provider_reason,
                    model.cost.predicted_ms(1),
                )
            return model

    def retain(self, wanted: set[str]) -> None:
        """Forget models that no deployment names; a request still running in one keeps it until it is done."""
        for sha256 in [sha256 for sha256 in self._models if sha256 not in wanted]:
            del self._models[sha256]
            log.info("model %s retired", sha256[:12])

    def loaded(self) -> list[Model]:
        return list(self._models.values())

    def _make_room(self, need_bytes: int) -> None:
        """Drop models nobody used for a while, longest unused first. What serves now is not evicted: under pressure
        the newcomer is refused, never the traffic."""
        idle_since_s = time.monotonic() - IDLE_S
        for model in sorted(self.loaded(), key=lambda one: one.used_s):
            if self._held_bytes() + need_bytes <= self._cap_bytes:
                return
            if model.used_s < idle_since_s:
                self._models.pop(model.sha256, None)
                log.info("model %s evicted, unused for %.0f s", model.sha256[:12], time.monotonic() - model.used_s)
        if self._held_bytes() + need_bytes > self._cap_bytes:
            raise MemoryError(
                f"it needs {need_bytes} bytes; {self._held_bytes()} of {self._cap_bytes} are taken "
                "(SERVE_MODEL_MEMORY_BYTES)"
            )

    def _held_bytes(self) -> int:
        return sum(model.memory_bytes for model in self.loaded())


def _sample(spec: TensorSpec, rows: int, image_size: int, column: ColumnSpec | None) -> Any:
    """An input to try the model with; texts are as long as the manifest's example, because they cost by length."""
    side = image_size or WARM_SIDE
    shape = [rows, *(side if size < 0 else size for size in spec.shape[1:])]
    if spec.datatype == "BYTES":
        example = column.example if column is not None and isinstance(column.example, str) else ""
        return np.full(shape, example, dtype=object)
    return np.zeros(shape, dtype=DTYPES[spec.datatype])
