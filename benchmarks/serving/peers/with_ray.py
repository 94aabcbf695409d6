"""Ray Serve: a deployment with a replica per core and its batching; images as raw bytes."""

import json
import time

import bench_model
import ray
from bench_model import Model, from_body
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=bench_model.WORKERS, max_ongoing_requests=256, ray_actor_options={"num_cpus": 0.5})
class Net:
    def __init__(self):
        self.model = Model()

    @serve.batch(max_batch_size=bench_model.BATCH, batch_wait_timeout_s=bench_model.WAIT_MS / 1000)
    async def infer(self, rows):
        return self.model.run(rows)

    async def __call__(self, request: Request):
        return await self.infer(from_body(await request.body(), json.loads))


if __name__ == "__main__":
    ray.init(include_dashboard=False, num_cpus=4, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": bench_model.PORT})
    serve.run(Net.bind(), route_prefix="/predict")
    while True:
        time.sleep(60)
