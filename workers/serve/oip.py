"""Open Inference Protocol v2: addresses, model metadata, JSON tensors; binary tensors are in oip_binary.py."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from contracts.manifests import TensorSpec
from workers.serve.call import TENSORS, Call
from workers.serve.oip_binary import pack, unpack
from workers.serve.problems import Refused, field_error
from workers.serve.sessions import DTYPES, Model
from workers.serve.weigh import read_json

if TYPE_CHECKING:
    from workers.serve.directory import Live

MAX_INFLATED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Asked:
    action: str  # "metadata" | "ready" | "infer"
    name: str
    version: str = ""


@dataclass
class Encoding:
    """How the client wants the outputs."""

    id: str = ""
    outputs: list[tuple[str, bool]] = field(default_factory=list)  # (name, binary); empty: all
    all_binary: bool = False
    content_type: bytes = b""


def read_path(method: bytes, path: bytes) -> Asked:
    """/v2/models/{name}[/versions/{version}][/ready|/infer]. Raises Refused."""
    parts = path.decode("latin-1").strip("/").split("/")
    if len(parts) < 3 or parts[1] != "models" or not parts[2]:
        raise Refused("yours:not-found")
    name, rest, version = parts[2], parts[3:], ""
    if len(rest) >= 2 and rest[0] == "versions":
        version, rest = rest[1], rest[2:]
    action = {(): "metadata", ("ready",): "ready", ("infer",): "infer"}.get(tuple(rest))
    if action is None:
        raise Refused("yours:not-found")
    wanted = b"POST" if action == "infer" else b"GET"
    if method != wanted:
        raise Refused("yours:method-not-allowed", f"Use {wanted.decode()}.")
    return Asked(action, name, version)


def describe(asked: Asked, name: str, live: list[Live], model: Model) -> bytes:
    if asked.action == "ready":
        return orjson.dumps({"name": name, "ready": True})
    manifest = model.manifest
    return orjson.dumps(
        {
            "name": name,
            "versions": [one.version for one in live],
            "platform": "onnxruntime_onnx",
            "inputs": [_spec(spec) for spec in manifest.inputs],
            "outputs": [_spec(spec) for spec in manifest.outputs],
        }
    )


def _spec(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}


def read_request(call: Call, model: Model, max_rows: int) -> None:
    """Set feed, shape, units and encoding. Raises Refused."""
    body = _inflate(call)
    header_length = call.headers.get(b"inference-header-content-length", b"")
    # Clients reuse header dictionaries: the length counts only where the JSON announces binary inputs.
    end = int(header_length) if header_length.isdigit() and len(header_length) < 12 else len(body)
    document = read_json(body[:end] if b'"binary_data_size"' in body[:end] or end >= len(body) else body)
    if not isinstance(document, dict) or not isinstance(document.get("inputs"), list):
        raise _invalid("inputs", "must be a list of tensors")
    given = _given_inputs(document["inputs"])
    binary, feed = body[end:], {}
    at = 0
    # Binary parts lie one after another in the order of `inputs`.
    for name, tensor in given.items():
        spec = next((spec for spec in model.manifest.inputs if spec.name == name), None)
        if spec is None:
            names = ", ".join(spec.name for spec in model.manifest.inputs[:20])
            raise _invalid(f"inputs.{name[:100]}", f"the model has no such input; it has {names}")
        size = _parameters(tensor).get("binary_data_size")
        if size is None:
            feed[name] = _from_json(spec, tensor)
        else:
            if not isinstance(size, int) or isinstance(size, bool) or size < 0 or at + size > len(binary):
                raise _invalid(f"inputs.{name}", "binary_data_size does not fit the body")
            feed[name] = _from_binary(spec, tensor, binary[at : at + size])
            at += size
    _check_rows(call, model, feed, max_rows)
    call.kind, call.feed = TENSORS, feed
    call.shape = tuple((name, feed[name].shape[1:]) for name in sorted(feed))
    call.encoding = _encoding(document, model.output_names)


def _given_inputs(inputs: list[Any]) -> dict[str, dict[str, Any]]:
    given: dict[str, dict[str, Any]] = {}
    for place, tensor in enumerate(inputs):
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise _invalid(f"inputs[{place}]", "must be an object with a name")
        if tensor["name"] in given:
            raise _invalid(f"inputs[{place}]", "stands twice")
        given[tensor["name"]] = tensor
    return given


def _check_rows(call: Call, model: Model, feed: dict[str, Any], max_rows: int) -> None:
    missing = [spec.name for spec in model.manifest.inputs if spec.name not in feed]
    if missing:
        raise _invalid(f"inputs.{missing[0]}", "is missing")
    rows = {tensor.shape[0] for tensor in feed.values()}
    if len(rows) != 1:
        raise _invalid("inputs", f"the inputs have different numbers of rows: {sorted(rows)}")
    (call.units,) = rows
    if call.units < 1:
        raise _invalid("inputs", "must hold at least one row")
    if call.units > max_rows:
        raise Refused("yours:too-large", f"{call.units} rows; at most {max_rows} are taken at once.")


def _shape(spec: TensorSpec, tensor: dict[str, Any]) -> list[int]:
    shape = tensor.get("shape")
    where = f"inputs.{spec.name}"
    if not isinstance(shape, list) or not all(isinstance(size, int) and 0 <= size < 2**31 for size in shape):
        raise _invalid(where, "`shape` must be a list of sizes")
    if tensor.get("datatype") != spec.datatype:
        raise _invalid(where, f"`datatype` must be {spec.datatype}")
    fits = len(shape) == len(spec.shape) and all(
        wanted < 0 or wanted == size for wanted, size in zip(spec.shape[1:], shape[1:], strict=False)
    )
    if not fits:
        raise _invalid(where, f"`shape` must be {spec.shape}, where -1 is free")
    return shape


def _from_json(spec: TensorSpec, tensor: dict[str, Any]) -> Any:
    shape = _shape(spec, tensor)
    where = f"inputs.{spec.name}"
    flat: list[Any] = []
    _flatten(tensor.get("data"), flat, where)
    if len(flat) != prod(shape):
        raise _invalid(where, f"{len(flat)} values do not fill the shape {shape}")
    kinds = set(map(type, flat))
    by_name: dict[str, set[type]] = {"BYTES": {str}, "BOOL": {bool}}
    allowed = by_name.get(spec.datatype, {int, float} if spec.datatype.startswith("FP") else {int})
    if not kinds <= allowed:
        raise _invalid(where, f"a value does not fit {spec.datatype}")
    try:
        array = np.array(flat, dtype=DTYPES[spec.datatype]).reshape(shape)
    except (OverflowError, ValueError) as error:
        raise _invalid(where, f"a value does not fit {spec.datatype}") from error
    if spec.datatype.startswith("FP") and np.isinf(array).any():
        raise _invalid(where, "a number is too large")
    return array


def _flatten(data: Any, flat: list[Any], where: str, depth: int = 0) -> None:
    """The data may be flat or nested like the shape."""
    if not isinstance(data, list) or depth > 8:
        raise _invalid(where, "`data` must be a list of values")
    for value in data:
        if isinstance(value, list):
            _flatten(value, flat, where, depth + 1)
        else:
            flat.append(value)


def _from_binary(spec: TensorSpec, tensor: dict[str, Any], data: bytes) -> Any:
    shape = _shape(spec, tensor)
    try:
        array = unpack(spec.datatype, shape, data)
    except ValueError as error:
        raise _invalid(f"inputs.{spec.name}", str(error)) from None
    if spec.datatype.startswith("FP") and np.isinf(array).any():
        raise _invalid(f"inputs.{spec.name}", "infinite numbers are not accepted")
    return array


def _encoding(document: dict[str, Any], known: list[str]) -> Encoding:
    encoding = Encoding(id=str(document.get("id") or "")[:200])
    encoding.all_binary = _parameters(document).get("binary_data_output") is True
    outputs = document.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise _invalid("outputs", "must be a list of objects with a name")
        if output["name"] not in known:
            raise _invalid(f"outputs.{output['name'][:100]}", f"the model has {', '.join(known)}")
        binary = _parameters(output).get("binary_data", encoding.all_binary)
        encoding.outputs.append((output["name"], binary is True))
    return encoding


def _parameters(owner: dict[str, Any]) -> dict[str, Any]:
    parameters = owner.get("parameters")
    return parameters if isinstance(parameters, dict) else {}


def write_response(call: Call, name: str, tensors: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return (headers, body) in the client's encoding."""
    encoding: Encoding = call.encoding
    datatypes = {spec.name: spec.datatype for spec in call.model.manifest.outputs} if call.model else {}
    wanted = encoding.outputs or [(output, encoding.all_binary) for output in tensors]
    outputs, parts = [], []
    for output, binary in wanted:
        tensor = tensors[output]
        entry: dict[str, Any] = {"name": output, "datatype": datatypes.get(output, "FP32"), "shape": list(tensor.shape)}
        if binary:
            data = pack(tensor)
            entry["parameters"] = {"binary_data_size": len(data)}
            parts.append(data)
        else:
            entry["data"] = tensor.reshape(-1).tolist()
        outputs.append(entry)
    document: dict[str, Any] = {"model_name": name, "model_version": call.model_version, "outputs": outputs}
    if encoding.id:
        document["id"] = encoding.id
    head = orjson.dumps(document)
    if not parts:
        return b"", head
    encoding.content_type = b"application/octet-stream"
    return b"Inference-Header-Content-Length: %d\r\n" % len(head), head + b"".join(parts)


def _inflate(call: Call) -> bytes:
    body = call.take_body()
    coding = call.headers.get(b"content-encoding", b"identity").lower()
    if coding == b"identity":
        return body
    if coding not in (b"gzip", b"deflate"):
        raise Refused("yours:unsupported-media", "The body may be plain, gzip or deflate.")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        data = inflater.decompress(body, MAX_INFLATED_BYTES)
    except zlib.error:
        raise Refused("yours:malformed", "The compressed body is broken.") from None
    if inflater.unconsumed_tail:
        raise Refused("yours:too-large", f"It unpacks to more than {MAX_INFLATED_BYTES} bytes.")
    return data


def _invalid(location: str, message: str) -> Refused:
    detail = f"{location}: {message}."
    return Refused(
        "yours:invalid", detail, errors=[field_error(location, message, "See the model's metadata.")], status=400
    )
