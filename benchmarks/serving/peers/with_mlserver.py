"""MLServer: a custom runtime with adaptive batching; for heavy models a pool of worker processes."""

import json
import os
import sys
import tempfile

import bench_model
import numpy as np
from bench_model import Model, from_bytes
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Runtime(MLModel):
    async def load(self) -> bool:
        self.net = Model()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        labels, probabilities = self.net.tensors(_read(payload.inputs[0]))
        outputs = [
            StringCodec.encode_output("label", labels.tolist()),
            NumpyCodec.encode_output("probabilities", probabilities),
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)


def _read(tensor):
    if bench_model.TASK == "table":
        return NumpyCodec.decode_input(tensor).astype(np.float32, copy=False)
    if bench_model.TASK == "text":
        return np.array(StringCodec.decode_input(tensor), dtype=object).reshape(-1, 1)
    return np.stack([from_bytes(content) for content in Base64Codec.decode_input(tensor)])


if __name__ == "__main__":
    folder = tempfile.mkdtemp(prefix="mlserver-")
    heavy = bench_model.TASK != "table"  # its worker pool costs more than a small model
    ports = {"http_port": bench_model.PORT, "grpc_port": bench_model.PORT + 1, "metrics_port": bench_model.PORT + 2}
    settings = {"host": "127.0.0.1", "debug": False, "parallel_workers": bench_model.WORKERS if heavy else 0, **ports}
    net = {"name": "net", "implementation": "with_mlserver.Runtime"}
    net |= {"max_batch_size": bench_model.BATCH, "max_batch_time": bench_model.WAIT_MS / 1000}
    for name, content in (("settings.json", settings), ("model-settings.json", net)):
        with open(os.path.join(folder, name), "w") as file:
            json.dump(content, file)
    os.environ["PYTHONPATH"] = os.path.dirname(os.path.abspath(__file__))
    mlserver = os.path.join(os.path.dirname(sys.executable), "mlserver")
    os.execv(mlserver, [mlserver, "start", folder])
