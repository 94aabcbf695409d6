"""The checked-in TypeScript types belong to the API as it is. Without npm they cannot be made anew: skipped."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from drf_spectacular.generators import SchemaGenerator

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "client_types.py"


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm writes the types")
def test_the_types_are_those_of_the_present_api():
    spec = importlib.util.spec_from_file_location("client_types", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    document = script.text_of(SchemaGenerator().get_schema(request=None, public=True))
    with script.FILE.open(encoding="utf-8") as types:
        assert types.readline().strip() == script.mark_of(document), "the API changed: run `make client-types`"
