"""The answers of training's REST addresses as OpenAPI shows them."""

from typing import Any

_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_NUMBER = {"type": "number"}
_YES_NO = {"type": "boolean"}
_NUMBERS = {"type": "object", "additionalProperties": _NUMBER}


def _maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [schema, {"type": "null"}]}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


CANDIDATE = _object(
    family=_TEXT,
    state=_TEXT,
    metrics=_NUMBERS,
    fit_seconds=_maybe(_NUMBER),
    latency_ms=_maybe(_NUMBER),
    size_bytes=_maybe(_WHOLE),
    is_best=_YES_NO,
    note=_TEXT,
    p95_ms=_maybe(_NUMBER),
    joules_per_1000=_maybe(_NUMBER),
    energy_source=_TEXT,
    variant_of=_TEXT,
    loss={"type": "object", "additionalProperties": True},
)
RUN = _object(
    id=_TEXT,
    object=_TEXT,
    name=_TEXT,
    dataset_version=_TEXT,
    task=_TEXT,
    target=_TEXT,
    families=_list_of(_TEXT),
    options={"type": "object"},
    seed=_WHOLE,
    pool=_TEXT,
    budget_seconds=_WHOLE,
    max_cost_micros=_WHOLE,
    price_micros_per_second=_WHOLE,
    currency=_TEXT,
    state=_TEXT,
    cancel_requested=_YES_NO,
    attempt=_WHOLE,
    progress=_NUMBER,
    stage=_TEXT,
    eta_seconds=_maybe(_NUMBER),
    queue=_maybe(_object(position=_WHOLE, reason=_TEXT)),
    candidates=_list_of(CANDIDATE),
    curve=_list_of(_NUMBERS),
    metrics=_NUMBERS,
    baseline=_NUMBERS,
    compute_seconds=_NUMBER,
    cost_micros=_WHOLE,
    energy_wh=_NUMBER,
    energy_source=_TEXT,
    error=_maybe(_object(code=_TEXT, title=_TEXT, detail=_TEXT, fix=_TEXT)),
    model_version=_maybe(_TEXT),
    created_at=_TEXT,
    started_at=_maybe(_TEXT),
    finished_at=_maybe(_TEXT),
)
RUN_PAGE = _object(data=_list_of(RUN), has_more=_YES_NO, next_cursor=_maybe(_TEXT))
LOG_PAGE = _object(data=_list_of(_object(id=_WHOLE, at=_TEXT, text=_TEXT)), has_more=_YES_NO, next_cursor=_WHOLE)
POOL = _object(
    name=_TEXT,
    title=_TEXT,
    has_gpu=_YES_NO,
    price_micros_per_second=_WHOLE,
    currency=_TEXT,
    live_nodes=_WHOLE,
    free_slots=_WHOLE,
    queue_length=_WHOLE,
    max_run_seconds=_WHOLE,
)
POOL_LIST = _object(data=_list_of(POOL), has_more=_YES_NO, next_cursor=_maybe(_TEXT))
ESTIMATE = _object(
    task=_TEXT,
    target=_TEXT,
    options={"type": "object"},
    seconds=_WHOLE,
    cost_micros=_WHOLE,
    max_cost_micros=_WHOLE,
    price_micros_per_second=_WHOLE,
    currency=_TEXT,
    available_micros=_WHOLE,
    is_affordable=_YES_NO,
    pool=POOL,
)
