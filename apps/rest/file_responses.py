"""Answers whose body is a stored file: streamed in pieces under ASGI and WSGI alike, never read into memory whole."""

from collections.abc import AsyncIterator
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags
from rest_framework.request import Request

from apps.rest.connections import give_connection_back

_CHUNK_BYTES = 256 * 1024


def stored_file(
    request: Request,
    key: str,
    *,
    sha256: str,
    size_bytes: int,
    content_type: str = "application/octet-stream",
    download_as: str = "",
    headers: dict[str, str] | None = None,
) -> HttpResponseBase:
    """Answer with the file under `key` of the default storage; ETag is its SHA-256, a known one answers 304."""
    etag = f'"{sha256}"'
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        return HttpResponse(status=304, headers={"ETag": etag})
    file = default_storage.open(key)
    response: StreamingHttpResponse
    if isinstance(request._request, ASGIRequest):
        response = StreamingHttpResponse(_pieces(file), content_type=content_type)  # a FileResponse would be read whole
    else:
        response = FileResponse(file, content_type=content_type)
    response["Content-Length"] = str(size_bytes)
    response["ETag"] = etag
    response["X-Content-Sha256"] = sha256
    if download_as:
        response["Content-Disposition"] = content_disposition_header(True, download_as) or "attachment"
    for name, value in (headers or {}).items():
        response[name] = value
    give_connection_back()  # a slow reader must not keep a database connection
    return response


async def _pieces(file: IO[Any]) -> AsyncIterator[bytes]:
    try:
        while piece := await sync_to_async(file.read, thread_sensitive=False)(_CHUNK_BYTES):
            yield piece
    finally:
        await sync_to_async(file.close, thread_sensitive=False)()
