"""LitServe: its batching, a worker per core and an API process per core; images as base64 in JSON, as in its guides."""

import bench_model
import litserve
from bench_model import Model, from_json


class Api(litserve.LitAPI):
    def setup(self, device):
        self.model = Model()

    def decode_request(self, request):
        return from_json(request)

    def batch(self, inputs):
        return list(inputs)

    def predict(self, batch):
        return self.model.run(batch)

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    api = Api(max_batch_size=bench_model.BATCH, batch_timeout=bench_model.WAIT_MS / 1000)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=bench_model.WORKERS)
    server.run(
        host="127.0.0.1",
        port=bench_model.PORT,
        num_api_servers=bench_model.WORKERS,
        generate_client_file=False,
        log_level="warning",
    )
