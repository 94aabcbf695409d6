"""Turns a batch as it came into the typed columns of the canonical file, following each column's plan."""

import pyarrow as pa
import pyarrow.compute as pc

from apps.datasets.checking import date_text, number_text
from apps.datasets.checking.column_types import ColumnPlan
from apps.datasets.checking.evidence import plain_text

STORAGE = {
    "int64": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def schema_of(plans: list[ColumnPlan]) -> pa.Schema:
    return pa.schema([pa.field(plan.name, STORAGE[plan.storage]) for plan in plans])


def convert(batch: pa.RecordBatch, plans: list[ColumnPlan], missing: pa.Array) -> pa.RecordBatch:
    """Return the batch with the plans' storage types; missing values become nulls."""
    columns = [_column(values, plan, missing) for values, plan in zip(batch.columns, plans, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema_of(plans))


def _column(values: pa.Array, plan: ColumnPlan, missing: pa.Array) -> pa.Array:
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if is_text(kind):
        return _from_text(values, plan, missing)
    if kind != values.type:
        values = values.dictionary_decode()
    return _from_typed(values, plan)


def is_text(kind: pa.DataType) -> bool:
    checks = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_string_view,
    )
    return any(check(kind) for check in checks)


def _from_text(values: pa.Array, plan: ColumnPlan, missing: pa.Array) -> pa.Array:
    values = plain_text(values)
    trimmed = pc.utf8_trim_whitespace(values)
    nothing = pa.scalar(None, pa.string())
    is_missing = pc.fill_null(pc.is_in(trimmed, value_set=missing), False)
    if plan.storage == "string":
        return pc.if_else(is_missing, nothing, values)
    present = pc.if_else(is_missing, nothing, trimmed)
    if plan.storage == "int64":
        return number_text.parse_whole(present)
    if plan.storage == "double":
        return number_text.parse(present, plan.style or "plain")
    if plan.storage == "bool":
        return pc.equal(pc.utf8_lower(present), "true")
    return _moments(present, plan.style)


def _moments(texts: pa.Array, pattern: str) -> pa.Array:
    """Read each distinct text once."""
    coded = texts.dictionary_encode()
    moments = [date_text.read(text, pattern) for text in coded.dictionary.to_pylist()]
    return pa.array(moments, STORAGE["timestamp"]).take(coded.indices)


def _from_typed(values: pa.Array, plan: ColumnPlan) -> pa.Array:
    target = STORAGE[plan.storage]
    if plan.storage == "string":
        return pc.cast(values, pa.string())
    if pa.types.is_floating(values.type):
        values = pc.cast(values, pa.float64())
        return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))
    if plan.storage == "timestamp":
        return _utc(values)
    return pc.cast(values, target, safe=False)


def _utc(values: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(values.type):
        return pc.cast(pc.cast(values, pa.timestamp("us", tz=values.type.tz), safe=False), STORAGE["timestamp"])
    return pc.cast(pc.cast(values, pa.timestamp("us"), safe=False), STORAGE["timestamp"])
