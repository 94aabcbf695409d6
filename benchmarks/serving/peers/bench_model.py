"""What every peer shares: the model in ONNX Runtime, and reading one request's row. Told by the environment:

BENCH_MODEL path · BENCH_TASK table|image|jpeg|text · BENCH_PORT · BENCH_WORKERS · BENCH_THREADS · BENCH_BATCH
BENCH_WAIT_MS · BENCH_DEVICE cpu|cuda
"""

import base64
import io
import os

import numpy as np
import onnxruntime as ort
from PIL import Image

TASK = os.environ["BENCH_TASK"]
PORT = int(os.environ["BENCH_PORT"])
WORKERS = int(os.environ.get("BENCH_WORKERS", "2"))
BATCH = int(os.environ.get("BENCH_BATCH", "16"))
WAIT_MS = float(os.environ.get("BENCH_WAIT_MS", "1"))
SIDE = 224


class Model:
    """`threads` 0 leaves ONNX Runtime its default: as many threads as cores."""

    def __init__(self, threads=None):
        options = ort.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("BENCH_THREADS", "1")) if threads is None else threads
        options.inter_op_num_threads = 1
        cuda = ["CUDAExecutionProvider"] if os.environ.get("BENCH_DEVICE") == "cuda" else []
        path = os.environ["BENCH_MODEL"]
        self.session = ort.InferenceSession(path, options, providers=[*cuda, "CPUExecutionProvider"])
        if cuda and self.session.get_providers()[0] != cuda[0]:
            raise SystemExit("CUDA was asked for and ONNX Runtime does not offer it")
        self.input = self.session.get_inputs()[0].name
        self.run([blank()])

    def run(self, rows):
        """Rows without batch axis in, one answer per row out."""
        labels, probabilities = self.tensors(np.stack(rows))
        return [
            {"label": label, "probabilities": scores}
            for label, scores in zip(labels.tolist(), probabilities.tolist(), strict=True)
        ]

    def tensors(self, batch):
        return self.session.run(["label", "probabilities"], {self.input: batch})


def blank():
    if TASK == "table":
        return np.zeros(20, dtype=np.float32)
    if TASK == "text":
        return np.array([""], dtype=object)
    return np.zeros((SIDE, SIDE, 3), dtype=np.uint8)


def from_json(body):
    """The row of a decoded JSON body: {"features": […]}, {"text": "…"} or {"image": base64}."""
    if TASK == "table":
        return np.array(body["features"], dtype=np.float32)
    if TASK == "text":
        return np.array([body["text"]], dtype=object)
    return from_bytes(base64.b64decode(body["image"]))


def from_bytes(content):
    """The pixels of raw bytes or of a JPEG, which is shrunk to the size of the model."""
    if TASK == "image":
        return np.frombuffer(content, dtype=np.uint8).reshape(SIDE, SIDE, 3)
    image = Image.open(io.BytesIO(content), formats=("JPEG",))
    image.draft("RGB", (SIDE, SIDE))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def from_body(body, loads):
    """The row of a request's body as it came over the wire."""
    return from_json(loads(body)) if TASK in ("table", "text") else from_bytes(body)
