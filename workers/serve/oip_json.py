"""Open Inference Protocol v2 over HTTP: JSON tensors, binary tensors behind the JSON, gzip or deflate both ways."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from workers.serve.oip_binary import pack
from workers.serve.oip_tensors import (
    check_declared,
    check_output,
    check_parameters,
    from_bytes,
    from_values,
    input_spec,
    invalid,
    take_feed,
)
from workers.serve.problems import Refused
from workers.serve.weigh import read_json

if TYPE_CHECKING:
    from workers.serve.call import Call
    from workers.serve.sessions import Model

MAX_INFLATED_BYTES = 64 * 1024 * 1024
LEAST_DEFLATED_BYTES = 1024  # a smaller answer is not worth the time
MOST_DEFLATED_BYTES = 1024 * 1024  # packing more would keep everyone else waiting
FAST = 1  # zlib's level: a third of the time of the default for a few per cent more bytes


class JsonEncoding:
    """How one HTTP client sent its tensors and wants the outputs."""

    def __init__(self) -> None:
        self.content_type = b""  # of the answer, where it is not JSON
        self._id: Any = None
        self._outputs: list[tuple[str, bool]] = []  # (name, binary); empty: all
        self._all_binary = False
        self._coding = b""  # of the answer

    def read(self, call: Call, model: Model, max_rows: int) -> None:
        """Set feed, shape and units of the call. Raises Refused."""
        body = inflate(call.take_body(), call.headers.get(b"content-encoding", b"identity"))
        header_length = call.headers.get(b"inference-header-content-length", b"")
        # Clients reuse header dictionaries: the length counts only where the JSON announces binary inputs.
        end = int(header_length) if header_length.isdigit() and len(header_length) < 12 else len(body)
        document = read_json(body[:end] if b'"binary_data_size"' in body[:end] or end >= len(body) else body)
        if not isinstance(document, dict) or not isinstance(document.get("inputs"), list):
            raise invalid("inputs", "must be a list of tensors")
        take_feed(call, model, _feed(model, document["inputs"], body[end:]), max_rows)
        self._read_wishes(document, model.output_names)
        self._coding = _accepted_coding(call.headers.get(b"accept-encoding", b""))

    def _read_wishes(self, document: dict[str, Any], known: list[str]) -> None:
        self._id = document.get("id")
        parameters = _parameters("request", document)
        self._all_binary = parameters.get("binary_data_output") is True
        outputs = document.get("outputs")
        for output in outputs if isinstance(outputs, list) else []:
            if not isinstance(output, dict) or not isinstance(output.get("name"), str):
                raise invalid("outputs", "must be a list of objects with a name")
            check_output(output["name"], known)
            wish = _parameters(f"outputs.{output['name']}", output).get("binary_data", self._all_binary)
            self._outputs.append((output["name"], wish is True))

    def write(self, call: Call, name: str, tensors: dict[str, Any]) -> tuple[bytes, bytes]:
        """Return (headers, body)."""
        datatypes = {spec.name: spec.datatype for spec in call.model.manifest.outputs} if call.model else {}
        entries, parts = [], []
        for output, binary in self._outputs or [(output, self._all_binary) for output in tensors]:
            tensor = tensors[output]
            entry: dict[str, Any] = {"name": output, "datatype": datatypes.get(output, "FP32")}
            entry["shape"] = list(tensor.shape)
            if binary:
                data = pack(tensor)
                entry["parameters"] = {"binary_data_size": len(data)}
                parts.append(data)
            else:
                flat = tensor.reshape(-1)
                entry["data"] = flat.tolist() if flat.dtype == object else np.ascontiguousarray(flat)
            entries.append(entry)
        document: dict[str, Any] = {"model_name": name, "model_version": call.model_version, "outputs": entries}
        if self._id:
            document["id"] = str(self._id)[:200]
        head = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        headers = b""
        if parts:
            self.content_type = b"application/octet-stream"
            headers = b"Inference-Header-Content-Length: %d\r\n" % len(head)
        return self._deflated(headers, head + b"".join(parts))

    def _deflated(self, headers: bytes, body: bytes) -> tuple[bytes, bytes]:
        if not self._coding or not LEAST_DEFLATED_BYTES <= len(body) <= MOST_DEFLATED_BYTES:
            return headers, body
        # wbits: 31 writes gzip, 15 what HTTP calls deflate.
        packer = zlib.compressobj(FAST, wbits=31 if self._coding == b"gzip" else 15)
        body = packer.compress(body) + packer.flush()
        return headers + b"Content-Encoding: " + self._coding + b"\r\nVary: Accept-Encoding\r\n", body


def _feed(model: Model, inputs: list[Any], binary: bytes) -> dict[str, Any]:
    """Tensors by name. Binary parts lie one after another in the order of `inputs`."""
    feed: dict[str, Any] = {}
    at = 0
    for place, tensor in enumerate(inputs):
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise invalid(f"inputs[{place}]", "must be an object with a name")
        name = tensor["name"]
        if name in feed:
            raise invalid(f"inputs[{place}]", "stands twice")
        spec = input_spec(model, name)
        shape = check_declared(spec, tensor.get("datatype"), tensor.get("shape"))
        size = _parameters(f"inputs.{name}", tensor).get("binary_data_size")
        if size is None:
            flat: list[Any] = []
            _flatten(tensor.get("data"), flat, f"inputs.{name}")
            feed[name] = from_values(spec, shape, flat)
            continue
        if type(size) is not int or size < 0 or at + size > len(binary):
            raise invalid(f"inputs.{name}", "binary_data_size does not fit the body")
        feed[name] = from_bytes(spec, shape, binary[at : at + size])
        at += size
    return feed


def _flatten(data: Any, flat: list[Any], where: str, depth: int = 0) -> None:
    """The data may be flat or nested like the shape."""
    if not isinstance(data, list) or depth > 8:
        raise invalid(where, "`data` must be a list of values")
    for value in data:
        if isinstance(value, list):
            _flatten(value, flat, where, depth + 1)
        else:
            flat.append(value)


def _parameters(location: str, owner: dict[str, Any]) -> dict[str, Any]:
    parameters = owner.get("parameters")
    if not isinstance(parameters, dict):
        return {}
    check_parameters(location, parameters)
    return parameters


def _accepted_coding(header: bytes) -> bytes:
    """gzip or deflate, whichever the client names first without refusing it (`;q=0`); empty: neither."""
    for part in header.lower().split(b","):
        coding, _, quality = part.strip().partition(b";")
        if coding.strip() in (b"gzip", b"deflate") and quality.replace(b" ", b"") not in (b"q=0", b"q=0.0"):
            return coding.strip()
    return b""


def inflate(body: bytes, coding: bytes) -> bytes:
    """Undo the Content-Encoding. Raises Refused."""
    coding = coding.lower()
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
    if not inflater.eof:
        raise Refused("yours:malformed", "The compressed body is cut off.")
    return data
