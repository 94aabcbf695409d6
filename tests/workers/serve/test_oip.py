"""Open Inference Protocol v2, asked by Triton's own client and by hand."""

import gzip
import json
import time

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.workers.serve import models, typed_models
from tests.workers.serve.conftest import Shop
from tests.workers.serve.serving import wait_for


@pytest.fixture
def client(shop: Shop):
    client = triton.InferenceServerClient(f"127.0.0.1:{shop.server.port}")
    yield client
    client.close()


def inputs(binary: bool) -> list[triton.InferInput]:
    tensors = []
    for name, kind, values in (
        ("age", "FP32", np.array([[1.0], [-9.0]], dtype=np.float32)),
        ("income", "FP32", np.array([[0.5], [2.0]], dtype=np.float32)),
        ("colour", "BYTES", np.array([["blue"], ["zürich"]], dtype=object)),
    ):
        tensor = triton.InferInput(name, list(values.shape), kind)
        tensor.set_data_from_numpy(values, binary_data=binary)
        tensors.append(tensor)
    return tensors


def headers(shop: Shop) -> dict[str, str]:
    return {"Authorization": f"Bearer {shop.key}"}


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_tritonclient_infers(shop: Shop, client, binary: bool, compression: str | None):
    outputs = [
        triton.InferRequestedOutput("label", binary_data=binary),
        triton.InferRequestedOutput("probabilities", binary_data=binary),
    ]
    answer = client.infer(
        "churn", inputs(binary), outputs=outputs, headers=headers(shop), request_id="r7",
        request_compression_algorithm=compression,
    )  # fmt: skip
    labels = [one.decode() if isinstance(one, bytes) else one for one in answer.as_numpy("label").tolist()]
    assert labels == ["yes", "no"]
    assert answer.as_numpy("probabilities").shape == (2, 2)
    response = answer.get_response()
    assert (response["id"], response["model_name"]) == ("r7", "churn")
    assert response["model_version"] == shop.churn.deployments[0].model_version


def test_tritonclient_infers_with_its_defaults_and_is_metered(shop: Shop, client):
    before = len(shop.control.usage)
    answer = client.infer("churn", inputs(binary=True), headers=headers(shop))
    assert answer.as_numpy("label").tolist() == [b"yes", b"no"]
    record = wait_for(lambda: len(shop.control.usage) > before and list(shop.control.usage.values())[-1])
    assert (record["units"], record["amount_micros"]) == (2, 200)


def test_tritonclient_reads_health_and_metadata(shop: Shop, client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["name"] == "modelyard"
    assert client.is_model_ready("churn", headers=headers(shop))
    assert not client.is_model_ready("nothing", headers=headers(shop))
    told = client.get_model_metadata("churn", headers=headers(shop))
    assert {"name": "colour", "datatype": "BYTES", "shape": [-1, 1]} in told["inputs"]
    assert told["versions"] == [shop.churn.deployments[0].model_version]


def test_statistics_count_what_was_answered_and_refused(shop: Shop, client):
    shop.control.endpoint(shop.organisation, "counted", models.regressor())
    shop.server.publish()
    for value in (1, 2, 3):
        assert shop.server.predict(shop.key, "counted", {"x": value}, {"x": 0}).status_code == 200
    assert shop.server.predict(shop.key, "counted", {"x": "one"}).status_code == 422
    (told,) = client.get_inference_statistics("counted", headers=headers(shop))["model_stats"]
    assert (told["name"], told["inference_count"]) == ("counted", 6)
    assert 3 <= told["execution_count"] <= 4  # the refused row was found in a run of its own
    times = told["inference_stats"]
    assert (times["success"]["count"], times["fail"]["count"], times["queue"]["count"]) == (3, 1, 3)
    assert times["success"]["ns"] == times["queue"]["ns"] + times["compute_infer"]["ns"] > 0
    assert abs(told["last_inference"] / 1000 - time.time()) < 60
    everything = client.get_inference_statistics(headers=headers(shop))["model_stats"]
    assert {"counted", "churn", "double"} <= {one["name"] for one in everything}
    assert shop.server.http.get("/v2/models/stats").status_code == 401


def test_errors_reach_the_client_as_it_expects_them(shop: Shop, client):
    with pytest.raises(InferenceServerException, match="No valid credentials"):
        client.infer("churn", inputs(binary=True))
    with pytest.raises(InferenceServerException, match="is missing"):
        client.infer("churn", inputs(binary=True)[:2], headers=headers(shop))


def ask(shop: Shop, document: object, tail: bytes = b"", **extra: str):
    body = json.dumps(document).encode() if not isinstance(document, bytes) else document
    if tail:
        extra["Inference-Header-Content-Length"] = str(len(body))
    return shop.server.http.post("/v2/models/double/infer", content=body + tail, headers=headers(shop) | extra)


def tensor_of(values: np.ndarray) -> dict[str, object]:
    return {"name": "x", "datatype": "FP32", "shape": list(values.shape), "data": values.tolist()}


def tensor(**changes: object) -> dict[str, object]:
    return {"name": "x", "datatype": "FP32", "shape": [2, 1], "data": [1.0, 2.0], **changes}


def test_json_by_hand_nested_or_flat_and_a_stale_length_header_is_ignored(shop: Shop):
    for data in ([1, 2], [[1.0], [2.0]]):
        answer = ask(shop, {"id": "a", "inputs": [tensor(data=data)]})
        (output,) = answer.json()["outputs"]
        assert output == {"name": "value", "datatype": "FP32", "shape": [2], "data": [2.0, 4.0]}
    stale = {"Inference-Header-Content-Length": "17"}
    assert ask(shop, {"inputs": [tensor()]}, **stale).status_code == 200
    squeezed = gzip.compress(json.dumps({"inputs": [tensor()]}).encode())
    assert ask(shop, squeezed, **{"Content-Encoding": "gzip"}).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "y"},
        {"datatype": "FP64"},
        {"shape": [2]},
        {"shape": [3, 1]},
        {"shape": [2, 2]},
        {"shape": [-2, 1]},
        {"shape": [0, 1], "data": []},
        {"data": ["1", "2"]},
        {"data": [True, False]},
        {"data": [1e39, 1]},
        {"data": None},
        {"parameters": {"binary_data_size": 99}},
        {"parameters": {"binary_data_size": -1}},
        {"parameters": {"binary_data_size": 3}},
    ],
)
def test_tensors_that_do_not_fit_are_refused(shop: Shop, changes: dict[str, object]):
    answer = ask(shop, {"inputs": [tensor(**changes)]}, b"\0\0\0\0")
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] in ("yours:invalid", "yours:malformed")
    assert answer.json()["error"]


@pytest.mark.parametrize("binary", [True, False])
def test_every_datatype_survives_the_way_there_and_back(shop: Shop, client, binary: bool):
    name = f"echo-{binary}".lower()
    shop.control.endpoint(shop.organisation, name, typed_models.echo())
    shop.server.publish()
    values = typed_models.samples()
    tensors = []
    for kind, array in values.items():
        tensors.append(triton.InferInput(kind, [2, 2], kind))
        tensors[-1].set_data_from_numpy(array, binary_data=binary or kind in ("FP16", "FP32", "FP64"))
    wanted = [triton.InferRequestedOutput(f"{kind}_out", binary_data=binary) for kind in values]
    answer = client.infer(name, tensors, outputs=wanted, headers=headers(shop))
    for kind, array in values.items():
        typed_models.assert_same(answer.as_numpy(f"{kind}_out"), array)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_a_large_answer_is_packed_when_the_client_asks_for_it(shop: Shop, client, coding: str, binary: bool):
    values = np.arange(2000, dtype=np.float32).reshape(-1, 1) % 10
    tensor = triton.InferInput("x", list(values.shape), "FP32")
    tensor.set_data_from_numpy(values)
    answer = client.infer(
        "double", [tensor], outputs=[triton.InferRequestedOutput("value", binary_data=binary)],
        headers=headers(shop), response_compression_algorithm=coding,
    )  # fmt: skip
    assert answer.as_numpy("value").tolist() == (values * 2).reshape(-1).tolist()
    body = json.dumps({"inputs": [tensor_of(values)]}).encode()
    plain = {"Accept-Encoding": "gzip;q=0, identity"}
    sizes = []
    for accept in (plain, {"Accept-Encoding": coding}):
        told = shop.server.http.post("/v2/models/double/infer", content=body, headers=headers(shop) | accept)
        sizes.append(int(told.headers["Content-Length"]))
    assert sizes[1] < sizes[0] / 5


def test_binary_output_for_all_with_one_parameter(shop: Shop):
    answer = ask(shop, {"inputs": [tensor()], "parameters": {"binary_data_output": True}})
    length = int(answer.headers["Inference-Header-Content-Length"])
    (output,) = json.loads(answer.content[:length])["outputs"]
    assert output["parameters"] == {"binary_data_size": 8}
    assert np.frombuffer(answer.content[length:], dtype=np.float32).tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    "wish",
    [
        {"outputs": [{"name": "value", "parameters": {"classification": 2}}]},
        {"outputs": [{"name": "nothing"}]},
        {"outputs": ["value"]},
        {"parameters": {"sequence_id": 3}},
    ],
)
def test_wishes_that_cannot_be_kept_are_refused_rather_than_ignored(shop: Shop, wish: dict[str, object]):
    assert ask(shop, {"inputs": [tensor()], **wish}).status_code == 400


def test_a_packed_body_that_is_cut_off_or_unknown_is_refused(shop: Shop):
    squeezed = gzip.compress(json.dumps({"inputs": [tensor()]}).encode())
    assert ask(shop, squeezed[:-9], **{"Content-Encoding": "gzip"}).status_code == 400
    assert ask(shop, squeezed, **{"Content-Encoding": "br"}).status_code == 415
    bomb = gzip.compress(b" " * 70_000_000, 1)
    assert ask(shop, bomb, **{"Content-Encoding": "gzip"}).status_code == 413


def test_other_addresses_methods_and_versions(shop: Shop):
    version = shop.double.deployments[0].model_version
    base = "/v2/models/double"
    get = shop.server.http.get
    assert get(f"{base}/versions/{version}", headers=headers(shop)).status_code == 200
    assert get(f"{base}/versions/{version}/ready", headers=headers(shop)).status_code == 200
    assert get(f"{base}/versions/ver_other", headers=headers(shop)).status_code == 404
    assert get(f"{base}/infer", headers=headers(shop)).status_code == 405
    assert get(f"{base}/config", headers=headers(shop)).status_code == 404
    assert get(base).status_code == 401
