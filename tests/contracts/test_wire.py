"""Every message survives a round trip and an unknown field, so either half may be deployed first."""

import dataclasses
import inspect
import json
import typing

import pytest

from contracts import jobs, manifests, serving, usage
from contracts.wire import WireError, from_wire, to_wire

MESSAGES = [
    kind
    for module in (jobs, manifests, serving, usage)
    for _, kind in inspect.getmembers(module, dataclasses.is_dataclass)
    if kind.__module__ == module.__name__
]


def _sample(hint: object) -> object:
    """Return a value of the annotated type that JSON can carry."""
    if dataclasses.is_dataclass(hint):
        return _instance(typing.cast(type, hint))
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return [_sample(args[0])]
    if origin is dict:
        return {"k": _sample(args[1])}
    if args:  # a union with None
        return _sample(args[0])
    return {str: "text", int: 7, float: 0.5, bool: True}.get(typing.cast(type, hint), "anything")


def _instance(kind: type) -> object:
    hints = typing.get_type_hints(kind)
    return kind(**{spec.name: _sample(hints[spec.name]) for spec in dataclasses.fields(kind)})


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_a_message_survives_the_wire_and_an_unknown_field(kind):
    message = _instance(kind)
    payload = json.loads(json.dumps(to_wire(message)))
    payload["added_by_a_newer_release"] = {"deep": [1, 2]}
    assert from_wire(kind, payload) == message


def test_a_missing_field_is_named():
    with pytest.raises(WireError, match="run_id"):
        from_wire(jobs.TrainJob, {"fence": 1})


def test_something_that_is_no_object_is_refused():
    with pytest.raises(WireError, match="expected an object"):
        from_wire(jobs.TrainJob, ["run_1"])
