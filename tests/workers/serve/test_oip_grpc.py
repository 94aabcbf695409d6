"""The gRPC door, asked by Triton's own client: the same keys, meters, limits and refusals as over HTTP."""

from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from contracts.serving import RatePolicy
from tests.workers.serve import typed_models
from tests.workers.serve.conftest import Shop, World
from tests.workers.serve.serving import wait_for


@pytest.fixture
def client(world: World):
    client = triton.InferenceServerClient(f"127.0.0.1:{world.grpc_port}")
    yield client
    client.close()


def headers(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def inputs() -> list[triton.InferInput]:
    tensors = []
    for name, kind, values in (
        ("age", "FP32", np.array([[1.0], [-9.0]], dtype=np.float32)),
        ("income", "FP32", np.array([[0.5], [2.0]], dtype=np.float32)),
        ("colour", "BYTES", np.array([["blue"], ["zürich"]], dtype=object)),
    ):
        tensor = triton.InferInput(name, list(values.shape), kind)
        tensor.set_data_from_numpy(values)
        tensors.append(tensor)
    return tensors


def test_tritonclient_infers_over_grpc_and_is_metered(shop: Shop, client):
    before = set(shop.control.usage)
    version = shop.churn.deployments[0].model_version
    wanted = [triton.InferRequestedOutput("probabilities")]
    for options in ({}, {"model_version": version, "compression_algorithm": "gzip"}):
        answer = client.infer("churn", inputs(), headers=headers(shop.key), request_id="r7", outputs=wanted, **options)
        assert answer.as_numpy("probabilities").shape == (2, 2)
        assert answer.as_numpy("label") is None
        assert (answer.get_response().id, answer.get_response().model_version) == ("r7", version)
    answer = client.infer("churn", inputs(), headers=headers(shop.key))
    assert answer.as_numpy("label").tolist() == [b"yes", b"no"]
    wait_for(lambda: len(set(shop.control.usage) - before) == 3)
    assert {shop.control.usage[one]["units"] for one in set(shop.control.usage) - before} == {2}


def test_health_and_metadata_over_grpc(shop: Shop, client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata().name == "modelyard"
    assert client.is_model_ready("churn", headers=headers(shop.key))
    assert not client.is_model_ready("nothing", headers=headers(shop.key))
    told = client.get_model_metadata("churn", headers=headers(shop.key))
    assert [(one.name, one.datatype, list(one.shape)) for one in told.inputs][2] == ("colour", "BYTES", [-1, 1])
    assert list(told.versions) == [shop.churn.deployments[0].model_version]


def test_statistics_over_grpc(shop: Shop, client):
    client.infer("churn", inputs(), headers=headers(shop.key))
    (told,) = client.get_inference_statistics("churn", headers=headers(shop.key)).model_stats
    assert told.inference_count >= 2
    assert told.inference_stats.success.count >= 1
    everything = client.get_inference_statistics(headers=headers(shop.key)).model_stats
    assert {one.name for one in everything} >= {"churn", "double"}


def test_every_datatype_survives_raw_and_typed_contents(shop: Shop, world: World, client):
    shop.control.endpoint(shop.organisation, "echo-grpc", typed_models.echo())
    shop.server.publish()
    values = typed_models.samples()
    tensors = []
    for name, array in values.items():
        tensor = triton.InferInput(name, [2, 2], name)
        tensor.set_data_from_numpy(array)
        tensors.append(tensor)
    answer = client.infer("echo-grpc", tensors, headers=headers(shop.key))
    for name, array in values.items():
        typed_models.assert_same(answer.as_numpy(f"{name}_out"), array)


def typed(world: World, key: str, **changes: Any) -> Any:
    """Ask with typed contents, which tritonclient never sends."""
    from workers.serve.grpc_messages import MESSAGES, SERVICE

    request = MESSAGES["ModelInferRequest"](model_name="double")
    request.inputs.add(name="x", datatype="FP32", shape=[2, 1]).contents.fp32_contents.extend([1, 2])
    for name, value in changes.items():
        setattr(request.inputs[0], name, value)
    with grpc.insecure_channel(f"127.0.0.1:{world.grpc_port}") as channel:
        infer = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        body, call = infer.with_call(request.SerializeToString(), metadata=tuple(headers(key).items()), timeout=10)
    answer = MESSAGES["ModelInferResponse"]()
    answer.ParseFromString(body)
    return answer, dict(call.trailing_metadata())


def test_typed_contents_are_answered_with_typed_contents_and_the_usage_id(shop: Shop, world: World):
    answer, metadata = typed(world, shop.key)
    assert list(answer.outputs[0].contents.fp32_contents) == [2.0, 4.0]
    assert not answer.raw_output_contents
    wait_for(lambda: metadata["usage-id"] in shop.control.usage)


def test_refusals_have_grpc_statuses_and_the_problem(shop: Shop, world: World, client):
    def refusal(key: str, name: str = "churn", tensors: Any = None) -> InferenceServerException:
        with pytest.raises(InferenceServerException) as caught:
            client.infer(name, tensors or inputs(), headers=headers(key))
        return caught.value

    assert refusal("my_live_wrong").status() == "StatusCode.UNAUTHENTICATED"
    assert refusal(shop.key, "nothing").status() == "StatusCode.NOT_FOUND"
    assert refusal(shop.key, "a/b").status() == "StatusCode.NOT_FOUND"
    missing = refusal(shop.key, tensors=inputs()[:2])
    assert (missing.status(), "is missing" in missing.message()) == ("StatusCode.INVALID_ARGUMENT", True)
    slow = shop.control.key(shop.organisation, policies=[RatePolicy("slow", 2, 3600)])
    poor = shop.control.organisation(balance=10)
    broke = shop.control.key(poor)
    shop.control.endpoint(poor, "double", typed_models.echo())
    shop.server.publish()
    assert client.infer("churn", inputs(), headers=headers(slow)).as_numpy("label") is not None
    assert refusal(slow).status() == "StatusCode.RESOURCE_EXHAUSTED"
    with pytest.raises(grpc.RpcError) as caught:
        typed(world, slow)
    trailing = dict(caught.value.trailing_metadata())
    assert trailing["error-code"] == "yours:rate-limited"
    assert int(trailing["retry-after"]) > 0
    assert trailing["ratelimit-policy"] == '"slow";q=2;w=3600'
    assert b"yours:rate-limited" in trailing["problem-details-bin"]
    tensors = []
    for name, array in typed_models.samples().items():
        tensor = triton.InferInput(name, [2, 2], name)
        tensor.set_data_from_numpy(array)
        tensors.append(tensor)
    assert refusal(broke, "double", tensors).status() == "StatusCode.FAILED_PRECONDITION"


def test_bytes_that_are_no_message_are_refused(world: World):
    from workers.serve.grpc_messages import SERVICE

    with grpc.insecure_channel(f"127.0.0.1:{world.grpc_port}") as channel:
        for method in ("ModelInfer", "ModelReady", "ModelMetadata"):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(f"/{SERVICE}/{method}")(b"\xff\xff\xff", timeout=10)
            assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(f"/{SERVICE}/RepositoryModelLoad")(b"", timeout=10)
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
