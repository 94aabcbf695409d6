"""mosec: its Rust front batches for the Python workers; orjson on both ends."""

import sys

import bench_model
import orjson
from bench_model import Model, from_body
from mosec import Server, Worker


class Infer(Worker):
    def __init__(self):
        self.model = Model()

    def deserialize(self, data):
        return from_body(data, orjson.loads)

    def serialize(self, data):
        return orjson.dumps(data)

    def forward(self, data):
        return self.model.run(data)


if __name__ == "__main__":
    sys.argv += ["--address", "127.0.0.1", "--port", str(bench_model.PORT), "--log-level", "warning"]
    server = Server()
    server.append_worker(
        Infer,
        num=bench_model.WORKERS,
        max_batch_size=bench_model.BATCH,
        max_wait_time=max(1, round(bench_model.WAIT_MS)),
    )
    server.run()
