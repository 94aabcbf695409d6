"""Open Inference Protocol v2: its addresses and what it tells about models; tensors are in oip_json.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from contracts.manifests import TensorSpec
from workers.serve.oip_json import JsonEncoding
from workers.serve.oip_stats import statistics_of, statistics_of_all
from workers.serve.problems import Refused

if TYPE_CHECKING:
    from workers.serve.call import Call
    from workers.serve.directory import Directory, KeyEntry, Live
    from workers.serve.sessions import Model

SERVER = {"name": "modelyard", "version": "0.1.0", "extensions": ["binary_tensor_data", "statistics"]}
PLATFORM = "onnxruntime_onnx"


@dataclass(frozen=True)
class Asked:
    action: str  # "metadata" | "ready" | "infer" | "stats"
    name: str
    version: str = ""


def read_path(method: bytes, path: bytes) -> Asked:
    """/v2/models/{name}[/versions/{version}][/ready|/infer|/stats], /v2/models/stats. Raises Refused."""
    parts = path.decode("latin-1").strip("/").split("/")
    if parts[1:] == ["models", "stats"] and method == b"GET":
        return Asked("stats", "")
    if len(parts) < 3 or parts[1] != "models" or not parts[2]:
        raise Refused("yours:not-found")
    name, rest, version = parts[2], parts[3:], ""
    if len(rest) >= 2 and rest[0] == "versions":
        version, rest = rest[1], rest[2:]
    action = {(): "metadata", ("ready",): "ready", ("infer",): "infer", ("stats",): "stats"}.get(tuple(rest))
    if action is None:
        raise Refused("yours:not-found")
    wanted = b"POST" if action == "infer" else b"GET"
    if method != wanted:
        raise Refused("yours:method-not-allowed", f"Use {wanted.decode()}.")
    return Asked(action, name, version)


def describe(asked: Asked, name: str, live: list[Live], model: Model) -> bytes:
    if asked.action == "ready":
        return orjson.dumps({"name": name, "ready": True})
    if asked.action == "stats":
        return orjson.dumps({"model_stats": statistics_of(name, _asked_for(asked, live))})
    manifest = model.manifest
    return orjson.dumps(
        {
            "name": name,
            "versions": [one.version for one in live],
            "platform": PLATFORM,
            "inputs": [_spec(spec) for spec in manifest.inputs],
            "outputs": [_spec(spec) for spec in manifest.outputs],
        }
    )


def describe_all(directory: Directory, entry: KeyEntry) -> bytes:
    """Statistics of every endpoint that the key may use."""
    return orjson.dumps({"model_stats": statistics_of_all(directory, entry)})


def _asked_for(asked: Asked, live: list[Live]) -> list[Live]:
    return [one for one in live if asked.version in ("", one.version)]


def _spec(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}


def read_request(call: Call, model: Model, max_rows: int) -> None:
    """Set feed, shape, units and encoding. Raises Refused. A door other than HTTP has set its encoding already."""
    encoding = call.encoding or JsonEncoding()
    encoding.read(call, model, max_rows)
    call.encoding = encoding


def write_response(call: Call, name: str, tensors: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return (headers, body) in the client's encoding."""
    answer: tuple[bytes, bytes] = call.encoding.write(call, name, tensors)
    return answer
