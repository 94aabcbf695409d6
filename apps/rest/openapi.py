"""What the OpenAPI document shows: the public API only, how to authenticate, and what an error looks like."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

_PUBLIC = "/api/v1/"
_METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details. `code` is stable; every code has a page under /errors/.",
    "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "examples": ["/errors/yours/not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "examples": ["yours:not-found"]},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("location", "message", "fix")},
            },
        },
    },
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text of your own, such as a UUID: the same request sent again is answered, not repeated.",
    "schema": {"type": "string", "maxLength": 255},
}


def only_public_api(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """drf-spectacular's preprocessing hook: (path, pattern, method, view) tuples."""
    return [entry for entry in endpoints if entry[0].startswith(_PUBLIC) and not entry[0].endswith("/schema")]


def document_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's postprocessing hook: every operation may answer a problem; every POST takes Idempotency-Key."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    answer = {
        "description": "A problem",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for operations in result["paths"].values():
        for method in _METHODS:
            if method in operations:
                operations[method]["responses"]["default"] = answer
        if "post" in operations:
            operations["post"].setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    return result


def listed(item: type[serializers.Serializer[Any]]) -> Any:
    """The answer of rest.paging.page for `extend_schema(responses=…)`."""
    return inline_serializer(
        f"{item.__name__.removesuffix('Answer')}List",
        {
            "data": item(many=True),
            "has_more": serializers.BooleanField(),
            "next_cursor": serializers.CharField(allow_null=True),
        },
    )


class PublicSchema(AutoSchema):
    """A view that declares no serializer is shown with a free-form object, not left out with a warning."""

    def _get_serializer(self) -> Any:
        view = self.view
        if hasattr(view, "get_serializer_class") or getattr(view, "serializer_class", None):
            return super()._get_serializer()  # type: ignore[no-untyped-call]
        return OpenApiTypes.OBJECT


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.rest.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer my_live_…`"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.rest.authentication.OrganisationSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        text = "A browser session; changes need the CSRF token."
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": text}
