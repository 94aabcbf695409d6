"""The call of an endpoint as code to copy, filled with its real name, columns and values."""

import json
import re
from dataclasses import dataclass
from textwrap import indent
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from contracts.manifests import ModelManifest, TensorSpec

_NUMPY = {
    "FP32": "np.float32",
    "FP64": "np.float64",
    "INT64": "np.int64",
    "INT32": "np.int32",
    "BOOL": "bool",
    "BYTES": "object",
}


_CURL = """\
curl @URL@ \\
  -H "Authorization: Bearer $MODELYARD_KEY" \\
  -H "Content-Type: @KIND@" \\
  @BODY@"""
_PYTHON = """\
import os
@IMPORTS@
import requests

response = requests.post(
    "@URL@",
    headers={"Authorization": f"Bearer {os.environ['MODELYARD_KEY']}"@MORE_HEADERS@},
    @BODY@,
    timeout=10,
)
response.raise_for_status()
print(response.json()["predictions"][0])"""
_JAVASCRIPT = """\
@IMPORTS@const response = await fetch("@URL@", {
  method: "POST",
  headers: {
    Authorization: `Bearer ${process.env.MODELYARD_KEY}`,
    "Content-Type": "@KIND@",
  },
  body: @BODY@,
});
const { predictions } = await response.json();
console.log(predictions[0]);"""


@dataclass(frozen=True)
class Snippet:
    slug: str
    title: str
    needs: str
    text: str


def snippets_of(name: str, manifest: ModelManifest, row: dict[str, Any]) -> list[Snippet]:
    url = f"{settings.SERVE_PUBLIC_URL}/v1/predict/{name}"
    curl, python, script = _of_image(url) if manifest.codec else _of_table(url, row)
    return [
        Snippet("curl", "curl", "", curl),
        Snippet("python", "Python", "pip install requests", python),
        Snippet("javascript", "JavaScript", "Node 18 or later", script),
        Snippet("triton", "Open Inference Protocol", "pip install tritonclient[http]", _triton(name, manifest, row)),
    ]


def _of_table(url: str, row: dict[str, Any]) -> tuple[str, str, str]:
    body = json.dumps({"rows": [row]}, indent=2, ensure_ascii=False)
    quoted = body.replace("'", "'\\''")
    common = {"URL": url, "KIND": "application/json", "MORE_HEADERS": ""}
    return (
        _filled(_CURL, **common, BODY=f"-d '{quoted}'"),
        _filled(_PYTHON, **common, IMPORTS="", BODY=f"json={_python(row)}"),
        _filled(_JAVASCRIPT, **common, IMPORTS="", BODY=f"JSON.stringify({indent(body, '  ').strip()})"),
    )


def _of_image(url: str) -> tuple[str, str, str]:
    common = {"URL": url, "KIND": "image/png", "MORE_HEADERS": ', "Content-Type": "image/png"'}
    read = 'import { readFile } from "node:fs/promises";\n\n'
    return (
        _filled(_CURL, **common, BODY="--data-binary @image.png"),
        _filled(_PYTHON, **common, IMPORTS="from pathlib import Path\n", BODY='data=Path("image.png").read_bytes()'),
        _filled(_JAVASCRIPT, **common, IMPORTS=read, BODY='await readFile("image.png")'),
    )


def _filled(text: str, **parts: str) -> str:
    """One pass, so that nothing in a value is taken for a place to fill."""
    return re.sub(r"@([A-Z_]+)@", lambda found: parts[found[1]], text)


def _triton(name: str, manifest: ModelManifest, row: dict[str, Any]) -> str:
    host = urlsplit(settings.SERVE_PUBLIC_URL)
    lines = [
        "import os",
        "",
        "import numpy as np",
        "import tritonclient.http as triton",
        *(["from PIL import Image"] if manifest.codec else []),
        "",
        f'client = triton.InferenceServerClient("{host.netloc}"{", ssl=True" if host.scheme == "https" else ""})',
        "inputs = []",
        "",
        "",
        "def add(name, datatype, array):",
        "    tensor = triton.InferInput(name, array.shape, datatype)",
        "    tensor.set_data_from_numpy(array)",
        "    inputs.append(tensor)",
        "",
        "",
    ]
    by_tensor = {column.tensor: row.get(column.name) for column in manifest.columns if column.tensor}
    lines += [_add(spec, by_tensor.get(spec.name), is_image=bool(manifest.codec)) for spec in manifest.inputs]
    lines += [
        'key = os.environ["MODELYARD_KEY"]',
        f'result = client.infer("{name}", inputs, headers={{"Authorization": f"Bearer {{key}}"}})',
        *(f'print(result.as_numpy("{spec.name}"))' for spec in manifest.outputs),
    ]
    return "\n".join(lines)


def _add(spec: TensorSpec, value: Any, *, is_image: bool) -> str:
    if is_image:
        pixels = 'pixels = np.asarray(Image.open("image.png").convert("RGB"))[None]'
        return f'{pixels}\nadd("{spec.name}", "{spec.datatype}", pixels)'
    literal = _literal(spec.datatype, value)
    nested = f"[{literal}]" if len(spec.shape) == 1 else f"[[{literal}]]"
    array = f"np.array({nested}, dtype={_NUMPY.get(spec.datatype, 'object')})"
    return f'add({json.dumps(spec.name)}, "{spec.datatype}", {array})'


def _literal(datatype: str, value: Any) -> str:
    if datatype == "BYTES":
        return repr("" if value is None else str(value))
    return "np.nan" if value is None else repr(value)


def _python(row: dict[str, Any]) -> str:
    inside = "".join(f"        {name!r}: {value!r},\n" for name, value in row.items())
    return f'{{"rows": [{{\n{inside}    }}]}}'
