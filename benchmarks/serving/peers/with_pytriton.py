"""NVIDIA's Triton through nvidia-pytriton: its C++ front with dynamic batching, two Python instances of the model."""

import bench_model
import numpy as np
from bench_model import Model
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

TAKES = {
    "table": Tensor(name="x", dtype=np.float32, shape=(20,)),
    "text": Tensor(name="text", dtype=bytes, shape=(1,)),
    "image": Tensor(name="image", dtype=np.uint8, shape=(224, 224, 3)),
}


def instance():
    model = Model()

    @batch
    def infer(**inputs):
        (rows,) = inputs.values()
        if bench_model.TASK == "text":
            rows = np.array([[text.decode()] for text in rows[:, 0]], dtype=object)
        labels, probabilities = model.tensors(rows)
        return [np.char.encode(labels.astype(str), "utf-8").reshape(-1, 1), probabilities]

    return infer


if __name__ == "__main__":
    port = bench_model.PORT
    addresses = {"http_address": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    with Triton(config=TritonConfig(**addresses, log_verbose=0)) as triton:
        triton.bind(
            model_name="net",
            infer_func=[instance() for _ in range(bench_model.WORKERS)],
            inputs=[TAKES[bench_model.TASK]],
            outputs=[
                Tensor(name="label", dtype=bytes, shape=(1,)),
                Tensor(name="probabilities", dtype=np.float32, shape=(-1,)),
            ],
            config=ModelConfig(
                max_batch_size=bench_model.BATCH,
                batcher=DynamicBatcher(max_queue_delay_microseconds=round(bench_model.WAIT_MS * 1000)),
            ),
        )
        triton.serve()
