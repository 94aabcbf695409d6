"""What an Open Inference Protocol tensor must be, whichever door it came through: declared shape, datatype, rows."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from contracts.manifests import TensorSpec
from workers.serve.call import TENSORS, Call
from workers.serve.oip_binary import unpack
from workers.serve.problems import Refused, field_error
from workers.serve.sessions import DTYPES, Model

MAX_SIZE = 2**31

# Parameters that change what an answer means; leaving them out silently would give a wrong answer.
_UNSUPPORTED = ("classification", "shared_memory_region", "sequence_id")


def input_spec(model: Model, name: str) -> TensorSpec:
    """Return the declaration of an input. Raises Refused naming those that exist."""
    spec = model.inputs.get(name)
    if spec is None:
        names = ", ".join(list(model.inputs)[:20])
        raise invalid(f"inputs.{name[:100]}", f"the model has no such input; it has {names}")
    return spec


def check_declared(spec: TensorSpec, datatype: Any, shape: Any) -> list[int]:
    """Return the shape when it and the datatype fit the model. Raises Refused."""
    where = f"inputs.{spec.name}"
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < MAX_SIZE for size in shape):
        raise invalid(where, "`shape` must be a list of sizes")
    if datatype != spec.datatype:
        raise invalid(where, f"`datatype` must be {spec.datatype}")
    fits = len(shape) == len(spec.shape) and all(
        wanted < 0 or wanted == size for wanted, size in zip(spec.shape[1:], shape[1:], strict=False)
    )
    if not fits:
        raise invalid(where, f"`shape` must be {spec.shape}, where -1 is free")
    return shape


def from_values(spec: TensorSpec, shape: list[int], flat: list[Any]) -> Any:
    """Python values in row-major order as the model's tensor. Raises Refused."""
    where = f"inputs.{spec.name}"
    if len(flat) != prod(shape):
        raise invalid(where, f"{len(flat)} values do not fill the shape {shape}")
    by_name: dict[str, set[type]] = {"BYTES": {str}, "BOOL": {bool}}
    allowed = by_name.get(spec.datatype, {int, float} if spec.datatype.startswith("FP") else {int})
    if not set(map(type, flat)) <= allowed:
        raise invalid(where, f"a value does not fit {spec.datatype}")
    try:
        with np.errstate(over="ignore"):
            array = np.array(flat, dtype=DTYPES[spec.datatype]).reshape(shape)
    except (OverflowError, ValueError) as error:
        raise invalid(where, f"a value does not fit {spec.datatype}") from error
    return _finite(spec, array, "a number is too large")


def from_bytes(spec: TensorSpec, shape: list[int], data: bytes) -> Any:
    """Row-major little-endian bytes as the model's tensor. Raises Refused."""
    try:
        array = unpack(spec.datatype, shape, data)
    except ValueError as error:
        raise invalid(f"inputs.{spec.name}", str(error)) from None
    return _finite(spec, array, "infinite numbers are not accepted")


def _finite(spec: TensorSpec, array: Any, message: str) -> Any:
    """NaN stands for a missing value; infinity stands for a mistake."""
    if spec.datatype.startswith("FP") and np.isinf(array).any():
        raise invalid(f"inputs.{spec.name}", message)
    return array


def take_feed(call: Call, model: Model, feed: dict[str, Any], max_rows: int) -> None:
    """Set kind, units, feed and shape of the call. Raises Refused when inputs are missing or disagree on the rows."""
    missing = [name for name in model.inputs if name not in feed]
    if missing:
        raise invalid(f"inputs.{missing[0]}", "is missing")
    rows = {tensor.shape[0] for tensor in feed.values()}
    if len(rows) != 1:
        raise invalid("inputs", f"the inputs have different numbers of rows: {sorted(rows)}")
    (units,) = rows
    if units < 1:
        raise invalid("inputs", "must hold at least one row")
    if units > max_rows:
        raise Refused("yours:too-large", f"{units} rows; at most {max_rows} are taken at once.")
    call.kind, call.units, call.feed = TENSORS, units, feed
    call.shape = tuple((name, feed[name].shape[1:]) for name in sorted(feed))


def check_output(name: str, known: list[str]) -> None:
    if name not in known:
        raise invalid(f"outputs.{name[:100]}", f"the model has {', '.join(known)}")


def check_parameters(location: str, names: Any) -> None:
    """Refuse extensions that are not spoken here. `names` are the names of the parameters sent."""
    for name in _UNSUPPORTED:
        if name in names:
            raise invalid(f"{location}.parameters.{name}", "this extension is not spoken here; see `extensions`")


def invalid(location: str, message: str) -> Refused:
    detail = f"{location}: {message}."
    return Refused(
        "yours:invalid", detail, errors=[field_error(location, message, "See the model's metadata.")], status=400
    )
