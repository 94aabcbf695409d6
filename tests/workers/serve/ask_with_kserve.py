"""Asks a running data plane with KServe's own inference clients; runs in an environment that has `kserve`.

    python ask_with_kserve.py HTTP_URL GRPC_TARGET KEY ENDPOINT

Prints one JSON object: what each call answered.
"""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig


def question(endpoint: str) -> InferRequest:
    tensor = InferInput(name="x", shape=[2, 1], datatype="FP32")
    tensor.set_data_from_numpy(np.array([[1], [4]], dtype=np.float32), binary_data=False)
    return InferRequest(model_name=endpoint, infer_inputs=[tensor], request_id="k1")


def binary_question(endpoint: str) -> InferRequest:
    request = question(endpoint)
    request.inputs[0].set_data_from_numpy(np.array([[2], [3]], dtype=np.float32), binary_data=True)
    return request


async def main(url: str, target: str, key: str, endpoint: str) -> dict[str, object]:
    bearer = {"Authorization": f"Bearer {key}"}
    rest = InferenceRESTClient(RESTConfig(protocol="v2"))
    told: dict[str, object] = {
        "live": await rest.is_server_live(url),
        "ready": await rest.is_server_ready(url),
        "model_ready": await rest.is_model_ready(url, endpoint, headers=bearer),
    }
    for name, request in (("rest", question(endpoint)), ("rest_binary", binary_question(endpoint))):
        answer = await rest.infer(url, request, model_name=endpoint, headers=bearer)
        told[name] = answer.outputs[0].as_numpy().reshape(-1).tolist()
    grpc = InferenceGRPCClient(target)
    meta = [("authorization", f"Bearer {key}")]
    told["grpc_ready"] = await grpc.is_model_ready(endpoint, headers=meta)
    answer = await grpc.infer(question(endpoint), headers=meta)
    told["grpc"] = answer.outputs[0].as_numpy().reshape(-1).tolist()
    await grpc.close()
    await rest.close()
    return told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:5]))))
