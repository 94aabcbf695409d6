"""One HTTP call as data, so that the blocking and the asynchronous client send the same."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """`url` is whole. `files` opens the files anew for every try. `timeout_s` None leaves the client's own."""

    method: str
    url: str
    params: Mapping[str, Any] | None = None
    json: Any = None
    content: bytes | None = None
    data: Mapping[str, str] | None = None
    files: Callable[[], Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float | None = None

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for `httpx.Client.build_request`; unset parameters are left out of the address."""
        made: dict[str, Any] = {"method": self.method, "url": self.url, "headers": dict(self.headers)}
        if self.params:
            made["params"] = {name: value for name, value in self.params.items() if value not in (None, "")}
        if self.json is not None:
            made["json"] = self.json
        if self.content is not None:
            made["content"] = self.content
        if self.data is not None:
            made["data"] = dict(self.data)
        if self.files is not None:
            made["files"] = self.files()
        if self.timeout_s is not None:
            made["timeout"] = self.timeout_s
        return made


def post_headers(idempotency_key: str | None = None, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Headers of a POST: a key of its own unless the caller has one, so that a repeat has its effect once."""
    return {"Idempotency-Key": idempotency_key or uuid.uuid4().hex, **(more or {})}


def filled(**fields: Any) -> dict[str, Any]:
    """The fields that are set: None means `leave it to the platform`."""
    return {name: value for name, value in fields.items() if value is not None}
