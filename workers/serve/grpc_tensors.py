"""Tensors of ModelInfer: raw bytes or typed lists in, the same form out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers.serve.grpc_messages import MESSAGES
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

if TYPE_CHECKING:
    from workers.serve.call import Call
    from workers.serve.sessions import Model

# Where the protocol puts the values of a datatype. FP16 has no list: raw bytes only.
_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


class GrpcEncoding:
    """One ModelInferRequest, and the ModelInferResponse that fits it."""

    def __init__(self, request: Any) -> None:
        self.content_type = b"application/grpc"
        self._request = request
        self._outputs: list[str] = []

    def read(self, call: Call, model: Model, max_rows: int) -> None:
        """Set feed, shape and units of the call. Raises Refused."""
        request = self._request
        check_parameters("request", request.parameters)
        raw = list(request.raw_input_contents)
        if raw and len(raw) != len(request.inputs):
            raise invalid("raw_input_contents", f"{len(raw)} tensors for {len(request.inputs)} inputs")
        feed: dict[str, Any] = {}
        for place, tensor in enumerate(request.inputs):
            if tensor.name in feed:
                raise invalid(f"inputs[{place}]", "stands twice")
            check_parameters(f"inputs.{tensor.name[:100]}", tensor.parameters)
            spec = input_spec(model, tensor.name)
            shape = check_declared(spec, tensor.datatype, list(tensor.shape))
            if raw:
                feed[tensor.name] = from_bytes(spec, shape, raw[place])
            else:
                feed[tensor.name] = from_values(spec, shape, _values(tensor))
        take_feed(call, model, feed, max_rows)
        for output in request.outputs:
            check_output(output.name, model.output_names)
            check_parameters(f"outputs.{output.name}", output.parameters)
            self._outputs.append(output.name)

    def write(self, call: Call, name: str, tensors: dict[str, Any]) -> tuple[bytes, bytes]:
        """Return (no headers, the serialized response)."""
        request = self._request
        response = MESSAGES["ModelInferResponse"](model_name=name, model_version=call.model_version, id=request.id)
        datatypes = {spec.name: spec.datatype for spec in call.model.manifest.outputs} if call.model else {}
        typed = not request.raw_input_contents
        for output in self._outputs or list(tensors):
            tensor, datatype = tensors[output], datatypes.get(output, "FP32")
            entry = response.outputs.add(name=output, datatype=datatype, shape=tensor.shape)
            if typed and datatype in _CONTENTS:
                getattr(entry.contents, _CONTENTS[datatype]).extend(_flat(tensor))
        # Raw contents stand for all outputs or for none.
        if not typed or any(entry.datatype not in _CONTENTS for entry in response.outputs):
            for entry in response.outputs:
                entry.ClearField("contents")
                response.raw_output_contents.append(pack(tensors[entry.name]))
        return b"", response.SerializeToString()


def _values(tensor: Any) -> list[Any]:
    field = _CONTENTS.get(tensor.datatype)
    if field is None:
        raise invalid(f"inputs.{tensor.name}", f"{tensor.datatype} is sent in raw_input_contents")
    values = list(getattr(tensor.contents, field))
    if tensor.datatype != "BYTES":
        return values
    try:
        return [value.decode() for value in values]
    except UnicodeDecodeError:
        raise invalid(f"inputs.{tensor.name}", "a string is not UTF-8") from None


def _flat(tensor: Any) -> list[Any]:
    values = tensor.reshape(-1).tolist()
    return [str(value).encode() for value in values] if tensor.dtype == object else values


def read_infer(body: bytes) -> Any:
    """Parse a ModelInferRequest. Raises Refused."""
    return read_message("ModelInferRequest", body)


def read_message(name: str, body: bytes) -> Any:
    """Parse a message of that name. Raises Refused."""
    message = MESSAGES[name]()
    try:
        message.ParseFromString(body)
    except Exception as error:  # protobuf's own DecodeError differs between its implementations
        raise Refused("yours:malformed", f"It is not a {name} ({type(error).__name__}).") from None
    return message
