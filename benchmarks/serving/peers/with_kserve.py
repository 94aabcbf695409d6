"""KServe's Python server: a custom model, a process per core, the Open Inference Protocol with binary tensors."""

import functools
import sys

import bench_model

sys.argv += ["--http_port", str(bench_model.PORT), "--workers", str(bench_model.WORKERS), "--enable_grpc", "false"]
sys.argv += ["--enable_latency_logging", "false"]

import numpy as np  # noqa: E402
from bench_model import Model  # noqa: E402
from kserve import InferOutput, InferRequest, InferResponse, ModelServer  # noqa: E402
from kserve import Model as Served  # noqa: E402
from kserve.utils.utils import generate_uuid  # noqa: E402


@functools.cache
def net() -> Model:
    """One session per process: KServe pickles the model into its workers, and a session cannot be pickled."""
    return Model()


class Net(Served):
    def __init__(self):
        super().__init__("net")
        self.ready = True

    async def predict(self, payload: InferRequest, headers=None, response_headers=None) -> InferResponse:
        labels, probabilities = net().tensors(_read(payload.inputs[0]))
        label = InferOutput("label", list(labels.shape), "BYTES", labels.tolist())
        scores = InferOutput("probabilities", list(probabilities.shape), "FP32")
        scores.set_data_from_numpy(probabilities, binary_data=False)
        return InferResponse(payload.id or generate_uuid(), self.name, [label, scores])


def _read(tensor):
    if bench_model.TASK == "text":
        texts = [text.decode() if isinstance(text, bytes) else text for text in tensor.as_numpy().ravel()]
        return np.array(texts, dtype=object).reshape(-1, 1)
    return tensor.as_numpy()


if __name__ == "__main__":
    ModelServer().start([Net()])
