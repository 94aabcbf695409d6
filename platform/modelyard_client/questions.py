"""Prediction requests as calls: rows, texts and images in the bodies the data plane takes (docs/api/predict.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from modelyard_client.calls import Call, post_headers
from modelyard_client.errors import Invalid

Image = Path | str | bytes
"""A file's path, or the bytes of a JPEG, PNG or WebP."""


@dataclass(frozen=True)
class Asking:
    """What may go with every prediction request; times in seconds."""

    idempotency_key: str | None = None
    scale_up_timeout_s: float | None = None
    deadline_s: float | None = None
    headers: Mapping[str, str] | None = None

    def all_headers(self) -> dict[str, str]:
        more = dict(self.headers or {})
        if self.scale_up_timeout_s is not None:
            more["X-Scale-Up-Timeout"] = f"{self.scale_up_timeout_s:g}"
        if self.deadline_s is not None:
            more["X-Deadline-Ms"] = str(round(self.deadline_s * 1000))
        return post_headers(self.idempotency_key, more)


PLAIN = Asking()


def rows_call(url: str, rows: Sequence[Mapping[str, Any]], asking: Asking) -> Call:
    return Call("POST", url, json={"rows": [dict(row) for row in rows]}, headers=asking.all_headers())


def text_call(url: str, text: str, asking: Asking) -> Call:
    headers = asking.all_headers() | {"Content-Type": "text/plain; charset=utf-8"}
    return Call("POST", url, content=text.encode(), headers=headers)


def images_call(url: str, images: Sequence[Image], asking: Asking) -> Call:
    """One image goes as it is, several as a form with one part each."""
    if not images:
        raise Invalid("client:no-image", "There is no image to send.", fix="Give at least one.")
    parts = [(_name(image, place), *_content(image)) for place, image in enumerate(images)]
    if len(parts) == 1:
        _, content, kind = parts[0]
        return Call("POST", url, content=content, headers=asking.all_headers() | {"Content-Type": kind})
    form = [(f"image{place}", part) for place, part in enumerate(parts)]
    return Call("POST", url, files=lambda: form, headers=asking.all_headers())


def predict_url(data_url: str, endpoint: str) -> str:
    return f"{data_url}/v1/predict/{quote(endpoint, safe='')}"


def explain_url(url_to_predict: str) -> str:
    """Where the same endpoint explains its answers."""
    return url_to_predict.replace("/v1/predict/", "/v1/explain/", 1)


def _name(image: Image, place: int) -> str:
    return f"image{place}" if isinstance(image, bytes) else Path(image).name


def _content(image: Image) -> tuple[bytes, str]:
    content = image if isinstance(image, bytes) else Path(image).read_bytes()
    if content.startswith(b"\xff\xd8"):
        return content, "image/jpeg"
    if content.startswith(b"\x89PNG"):
        return content, "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return content, "image/webp"
    name = "an image" if isinstance(image, bytes) else str(image)
    raise Invalid("client:image-unknown", f"{name} is no JPEG, PNG or WebP.", fix="Convert it to one of them.")
