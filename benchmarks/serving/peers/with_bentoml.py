"""BentoML: a service with adaptive batching and a worker per core; images as base64 in JSON."""

import os
import sys

import bench_model
import bentoml
from bench_model import Model, from_json

FIELD = {"table": "features", "text": "text"}.get(bench_model.TASK, "image")
ITEM = list[float] if bench_model.TASK == "table" else str


@bentoml.service(workers=bench_model.WORKERS, traffic={"timeout": 30}, logging={"access": {"enabled": False}})
class Net:
    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api(batchable=True, max_batch_size=max(bench_model.BATCH, 8), max_latency_ms=10_000)
    def infer(self, items: list[ITEM]) -> list[dict]:
        return self.model.run([from_json({FIELD: item}) for item in items])


if __name__ == "__main__":
    bentoml = os.path.join(os.path.dirname(sys.executable), "bentoml")
    os.environ["BENTOML_DO_NOT_TRACK"] = "true"
    command = [bentoml, "serve", "with_bentoml:Net", "--host", "127.0.0.1", "--port", str(bench_model.PORT)]
    os.execv(bentoml, command)
