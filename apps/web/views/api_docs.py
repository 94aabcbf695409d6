"""The API reference: a page made from the same OpenAPI schema that programs read."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from drf_spectacular.generators import SchemaGenerator

_METHODS = ("get", "post", "put", "patch", "delete")
_DEPTH_MOST = 4


def api_docs(request: HttpRequest) -> HttpResponse:
    return render(request, "web/api_docs.html", {"groups": _groups()})


@cache
def _groups() -> list[dict[str, Any]]:
    """Operations by the first word after /api/v1/, in the order of the address map."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        name = path.removeprefix("/api/v1/").split("/")[0]
        for method in _METHODS:
            if method in methods:
                groups.setdefault(name, []).append(_operation(path, method, methods[method], schema))
    return [{"name": name, "operations": operations} for name, operations in groups.items()]


def _operation(path: str, method: str, found: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    bodies = [
        {"kind": kind, "fields": _fields(content.get("schema", {}), schema)}
        for kind, content in found.get("requestBody", {}).get("content", {}).items()
    ]
    return {
        "id": slugify(f"{method}-{path}"),
        "path": path,
        "method": method,
        "summary": found.get("summary") or found.get("operationId", "").replace("_", " "),
        "description": found.get("description", ""),
        "parameters": found.get("parameters", []),
        "body": bodies[0] if bodies else None,
        "answers": [
            {
                "status": status,
                "description": answer.get("description", ""),
                "fields": _fields(_first(answer.get("content", {})).get("schema", {}), schema),
            }
            for status, answer in found.get("responses", {}).items()
        ],
    }


def _first(content: dict[str, Any]) -> dict[str, Any]:
    return next(iter(content.values()), {})


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["components"]["schemas"][node["$ref"].rsplit("/", 1)[-1]]
    for word in ("allOf", "oneOf", "anyOf"):
        parts = [part for part in node.get(word, []) if part.get("type") != "null"]
        if len(parts) == 1:
            return _resolved(parts[0], schema)
    return node


def _fields(node: dict[str, Any], schema: dict[str, Any], prefix: str = "", depth: int = 0) -> list[dict[str, Any]]:
    """A flat list of fields: `data[].id`, `limits[].quota` …"""
    node = _resolved(node, schema)
    if node.get("type") == "array":
        return _fields(node.get("items", {}), schema, f"{prefix}[]", depth)
    rows = []
    required = node.get("required", [])
    for name, child in node.get("properties", {}).items():
        child = _resolved(child, schema)
        path = f"{prefix}.{name}" if prefix else name
        rows.append(
            {
                "name": path,
                "type": _type(child, schema),
                "required": name in required and not prefix,
                "description": child.get("description", ""),
            }
        )
        if depth < _DEPTH_MOST:
            inner = (
                child
                if child.get("type") == "object"
                else child.get("items", {})
                if child.get("type") == "array"
                else {}
            )
            if inner:
                suffix = "[]" if child.get("type") == "array" else ""
                rows += _fields(inner, schema, f"{path}{suffix}", depth + 1)
    return rows


def _type(node: dict[str, Any], schema: dict[str, Any]) -> str:
    kind = node.get("type", "any")
    if isinstance(kind, list):
        kind = " or ".join(kind)
    if kind == "array":
        return f"list of {_type(_resolved(node.get('items', {}), schema), schema)}"
    if "enum" in node:
        return " | ".join(str(value) for value in node["enum"])
    return str(node.get("format") or kind)
