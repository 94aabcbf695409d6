"""The one request that each contender gets, in the form its own documentation uses; the values are the same for all.

dialect   who                                   table             image                          text
rows      Modelyard /v1/predict                 row of columns    JPEG body                      row with one text
own       servers that a person writes          list of numbers   raw bytes (224·224·3 or JPEG)  JSON string
json      servers that take JSON only           list of numbers   base64 in JSON                 JSON string
bento     BentoML's batches, of one each        list of lists     base64 in JSON                 JSON string
oip       Open Inference Protocol v2            JSON tensor       binary tensor                  JSON tensor
mlserver  OIP without the binary extension      JSON tensor       base64 BYTES                   JSON tensor
"""

import base64
import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.serving.models import COLUMNS, SIDE, TOKENS

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Ask:
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def raw(self, host: str = "localhost") -> bytes:
        """As it goes over the wire."""
        headers = {"Host": host, **self.headers, "Content-Length": str(len(self.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + self.body


def values() -> list[float]:
    return [round(0.1 * number - 1.0, 1) for number in range(COLUMNS)]


def photo(side: int = SIDE) -> np.ndarray:
    """A smooth picture with some noise, so that its JPEG has an ordinary size."""
    random = np.random.default_rng(1)
    ramp = np.linspace(0, 200, side)[:, None, None] + np.linspace(0, 40, side)[None, :, None]
    return (ramp + random.integers(0, 16, (side, side, 3))).astype(np.uint8)


def jpeg() -> bytes:
    """640 by 480 pixels."""
    file = io.BytesIO()
    Image.fromarray(photo()).resize((640, 480)).save(file, "JPEG", quality=85)
    return file.getvalue()


def text() -> str:
    return " ".join(str(token) for token in np.random.default_rng(2).integers(1000, 30_000, TOKENS))


def feed(kind: str) -> dict[str, Any]:
    """The same values as tensors, for bare ONNX Runtime."""
    if kind == "wide":
        return {f"c{number}": np.array([[value]], dtype=np.float32) for number, value in enumerate(values())}
    tensors = {
        "table": ("x", np.array([values()], dtype=np.float32)),
        "image": ("image", photo()[None]),
        "text": ("text", np.array([[text()]], dtype=object)),
    }
    name, tensor = tensors[kind]
    return {name: tensor}


def make_ask(dialect: str, task: str, path: str) -> Ask:
    """`task` is table, wide, image, jpeg or text. Raises KeyError when the dialect has no form for the task."""
    return _FORMS[dialect, task](path)


def _json(path: str, body: Any) -> Ask:
    return Ask(path, json.dumps(body).encode(), dict(JSON))


def _tensor(path: str, name: str, shape: list[int], datatype: str, data: list[Any], **more: Any) -> Ask:
    return _json(path, {"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": data, **more}]})


def _row(path: str) -> Ask:
    return _json(path, {"rows": [{f"c{number}": value for number, value in enumerate(values())}]})


def _binary_image(path: str) -> Ask:
    pixels = photo().tobytes()
    spec = {"name": "image", "shape": [1, SIDE, SIDE, 3], "datatype": "UINT8"}
    head = json.dumps({"inputs": [spec | {"parameters": {"binary_data_size": len(pixels)}}]}).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return Ask(path, head + pixels, headers)


def _wide_tensors(path: str) -> Ask:
    tensors = [
        {"name": f"c{number}", "shape": [1, 1], "datatype": "FP32", "data": [value]}
        for number, value in enumerate(values())
    ]
    return _json(path, {"inputs": tensors})


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _oip_table(path: str) -> Ask:
    return _tensor(path, "x", [1, COLUMNS], "FP32", values())


def _oip_text(path: str) -> Ask:
    return _tensor(path, "text", [1, 1], "BYTES", [text()])


def _mlserver_image(path: str) -> Ask:
    return _tensor(path, "image", [1, 1], "BYTES", [_base64(photo().tobytes())], parameters={"content_type": "base64"})


def _bytes(content: bytes, kind: str = "application/octet-stream") -> Any:
    return lambda path: Ask(path, content, {"Content-Type": kind})


_FORMS: dict[tuple[str, str], Any] = {
    ("rows", "table"): _row,
    ("rows", "wide"): _row,
    ("rows", "jpeg"): lambda path: Ask(path, jpeg(), {"Content-Type": "image/jpeg"}),
    ("rows", "text"): lambda path: _json(path, {"rows": [{"text": text()}]}),
    ("own", "table"): lambda path: _json(path, {"features": values()}),
    ("own", "image"): _bytes(photo().tobytes()),
    ("own", "jpeg"): _bytes(jpeg()),
    ("own", "text"): lambda path: _json(path, {"text": text()}),
    ("json", "table"): lambda path: _json(path, {"features": values()}),
    ("json", "image"): lambda path: _json(path, {"image": _base64(photo().tobytes())}),
    ("json", "jpeg"): lambda path: _json(path, {"image": _base64(jpeg())}),
    ("json", "text"): lambda path: _json(path, {"text": text()}),
    ("bento", "table"): lambda path: _json(path, {"items": [values()]}),
    ("bento", "image"): lambda path: _json(path, {"items": [_base64(photo().tobytes())]}),
    ("bento", "jpeg"): lambda path: _json(path, {"items": [_base64(jpeg())]}),
    ("bento", "text"): lambda path: _json(path, {"items": [text()]}),
    ("oip", "table"): _oip_table,
    ("oip", "wide"): _wide_tensors,
    ("oip", "image"): _binary_image,
    ("oip", "text"): _oip_text,
    ("mlserver", "table"): _oip_table,
    ("mlserver", "image"): _mlserver_image,
    ("mlserver", "text"): _oip_text,
}
