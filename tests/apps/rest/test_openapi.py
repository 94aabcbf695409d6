"""The OpenAPI document: valid, complete, and honest about errors and credentials."""

import re

import pytest
from django.core.management import call_command
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema():
    GENERATOR_STATS.reset()
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(schema):
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_the_document_is_valid_openapi_3_1(schema):
    assert schema["openapi"] == "3.1.0"
    validate_schema(schema)


def test_generating_it_warns_about_nothing(schema):
    assert dict(GENERATOR_STATS._warn_cache) == {}
    assert dict(GENERATOR_STATS._error_cache) == {}


def test_the_command_for_it_succeeds(tmp_path):
    call_command("spectacular", "--validate", "--file", str(tmp_path / "schema.yaml"))
    assert "openapi: 3.1.0" in (tmp_path / "schema.yaml").read_text()


def test_only_the_public_api_is_in_it(schema):
    assert {path[:8] for path in schema["paths"]} == {"/api/v1/"}
    assert "/api/v1/runs" in schema["paths"]


def test_every_operation_has_a_tag_a_name_of_its_own_and_the_problem_answer(schema):
    names = [operation["operationId"] for _, operation in operations(schema)]
    assert len(set(names)) == len(names)
    assert [name for name in names if re.search(r"_\d+$", name)] == [], "numbered names change when a route is added"
    for where, operation in operations(schema):
        assert operation["tags"], where
        answer = operation["responses"]["default"]["content"]["application/problem+json"]
        assert answer["schema"] == {"$ref": "#/components/schemas/Problem"}, where


def test_every_operation_takes_a_key(schema):
    assert schema["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    for where, operation in operations(schema):
        assert {"apiKey": []} in operation["security"], where


def test_every_post_takes_an_idempotency_key(schema):
    for where, operation in operations(schema):
        if where.startswith("POST"):
            assert "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]], where


def test_everybody_may_read_it(client, db):
    answer = client.get("/api/v1/schema", {"format": "json"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/vnd.oai.openapi")
