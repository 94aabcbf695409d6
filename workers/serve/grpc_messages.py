"""The messages of the Open Inference Protocol over gRPC: package `inference`, built from a table of field numbers.

Field names and numbers are those that KServe and Triton publish. The descriptors live in a pool of their own, so a
client library with generated code for the same package can be loaded beside them.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

_KINDS = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _KINDS.TYPE_BOOL,
    "int32": _KINDS.TYPE_INT32,
    "int64": _KINDS.TYPE_INT64,
    "uint32": _KINDS.TYPE_UINT32,
    "uint64": _KINDS.TYPE_UINT64,
    "float": _KINDS.TYPE_FLOAT,
    "double": _KINDS.TYPE_DOUBLE,
    "string": _KINDS.TYPE_STRING,
    "bytes": _KINDS.TYPE_BYTES,
}

# name -> fields in the order of their numbers, from 1: "type name", "type[] name" or "map name" (of InferParameter).
_MESSAGES: dict[str, list[str]] = {
    "ServerLiveRequest": [],
    "ServerLiveResponse": ["bool live"],
    "ServerReadyRequest": [],
    "ServerReadyResponse": ["bool ready"],
    "ModelReadyRequest": ["string name", "string version"],
    "ModelReadyResponse": ["bool ready"],
    "ServerMetadataRequest": [],
    "ServerMetadataResponse": ["string name", "string version", "string[] extensions"],
    "ModelMetadataRequest": ["string name", "string version"],
    "TensorMetadata": ["string name", "string datatype", "int64[] shape"],
    "ModelMetadataResponse": [
        "string name",
        "string[] versions",
        "string platform",
        "TensorMetadata[] inputs",
        "TensorMetadata[] outputs",
    ],
    "InferTensorContents": [
        "bool[] bool_contents",
        "int32[] int_contents",
        "int64[] int64_contents",
        "uint32[] uint_contents",
        "uint64[] uint64_contents",
        "float[] fp32_contents",
        "double[] fp64_contents",
        "bytes[] bytes_contents",
    ],
    "InferTensor": [
        "string name",
        "string datatype",
        "int64[] shape",
        "map parameters",
        "InferTensorContents contents",
    ],
    "InferRequestedOutputTensor": ["string name", "map parameters"],
    "ModelInferRequest": [
        "string model_name",
        "string model_version",
        "string id",
        "map parameters",
        "InferTensor[] inputs",
        "InferRequestedOutputTensor[] outputs",
        "bytes[] raw_input_contents",
    ],
    "ModelInferResponse": [
        "string model_name",
        "string model_version",
        "string id",
        "map parameters",
        "InferTensor[] outputs",
        "bytes[] raw_output_contents",
    ],
    "ModelStatisticsRequest": ["string name", "string version"],
    "StatisticDuration": ["uint64 count", "uint64 ns"],
    "InferStatistics": [
        "StatisticDuration success",
        "StatisticDuration fail",
        "StatisticDuration queue",
        "StatisticDuration compute_input",
        "StatisticDuration compute_infer",
        "StatisticDuration compute_output",
    ],
    "InferBatchStatistics": [
        "uint64 batch_size",
        "StatisticDuration compute_input",
        "StatisticDuration compute_infer",
        "StatisticDuration compute_output",
    ],
    "ModelStatistics": [
        "string name",
        "string version",
        "uint64 last_inference",
        "uint64 inference_count",
        "uint64 execution_count",
        "InferStatistics inference_stats",
        "InferBatchStatistics[] batch_stats",
    ],
    "ModelStatisticsResponse": ["ModelStatistics[] model_stats"],
}


def _build() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="inference.proto", package=PACKAGE, syntax="proto3")
    parameter = file.message_type.add(name="InferParameter")
    parameter.oneof_decl.add(name="parameter_choice")
    choices = (
        "bool bool_param",
        "int64 int64_param",
        "string string_param",
        "double double_param",
        "uint64 uint64_param",
    )
    for number, choice in enumerate(choices, 1):
        kind, name = choice.split()
        parameter.field.add(name=name, number=number, type=_SCALARS[kind], label=_KINDS.LABEL_OPTIONAL, oneof_index=0)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, text in enumerate(fields, 1):
            _add_field(message, number, *text.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in ("InferParameter", *_MESSAGES)
    }


def _add_field(message: Any, number: int, kind: str, name: str) -> None:
    many = kind.endswith("[]") or kind == "map"
    kind = kind.removesuffix("[]")
    field = message.field.add(name=name, number=number, label=_KINDS.LABEL_REPEATED if many else _KINDS.LABEL_OPTIONAL)
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
        return
    field.type = _KINDS.TYPE_MESSAGE
    if kind != "map":
        field.type_name = f".{PACKAGE}.{kind}"
        return
    entry = message.nested_type.add(name="ParametersEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_KINDS.TYPE_STRING, label=_KINDS.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=_KINDS.TYPE_MESSAGE,
        label=_KINDS.LABEL_OPTIONAL,
        type_name=f".{PACKAGE}.InferParameter",
    )
    field.type_name = f".{PACKAGE}.{message.name}.ParametersEntry"


MESSAGES = _build()
