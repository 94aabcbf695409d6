"""Writes the TypeScript types of the API from the OpenAPI document, with openapi-typescript through npx."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import django

TOOL = "openapi-typescript@7.13.0"
FILE = Path(__file__).resolve().parents[1] / "platform" / "modelyard_client" / "typescript" / "modelyard.d.ts"


def main() -> int:
    """Return npx's exit code when it failed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelyard.settings")
    django.setup()
    from drf_spectacular.generators import SchemaGenerator  # noqa: PLC0415  (needs the settings)

    document = text_of(SchemaGenerator().get_schema(request=None, public=True))
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "openapi.json", Path(folder) / "modelyard.d.ts"
        source.write_text(document, encoding="utf-8")
        done = subprocess.run(["npx", "--yes", TOOL, str(source), "--output", str(made)], check=False)
        if done.returncode:
            return done.returncode
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(f"{mark_of(document)}\n{made.read_text(encoding='utf-8')}", encoding="utf-8")
    return 0


def text_of(schema: dict[str, Any]) -> str:
    """The OpenAPI document, always in the same order."""
    return json.dumps(schema, indent=1, sort_keys=True, default=str)


def mark_of(document: str) -> str:
    """The first line of the types: which document they were made from."""
    return (
        f"// Written by `make client-types` from the OpenAPI document {hashlib.sha256(document.encode()).hexdigest()}"
    )


if __name__ == "__main__":
    sys.exit(main())
