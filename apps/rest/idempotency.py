"""`Idempotency-Key`: a POST that is sent again is answered with the first answer and has its effect once.

The handler and the record of its answer commit together, under an advisory lock on the key: a process that dies takes
both with it, so there is no state between "not done" and "done and remembered". Refusals (any raised Problem) are not
kept: the same key may be used again for the corrected request.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import Organisation
from apps.rest.models import IdempotencyRecord
from contracts.problems import Problem

KEEP_HOURS = 24
_KEPT_HEADERS = ("Location", "ETag")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Decorate `post(self, request, …)` of an APIView. Without the header nothing changes."""

    @wraps(handler)
    def once(view: Any, request: Request, *args: Any, **named: Any) -> Response:
        key = _key_of(request)
        if key is None:
            return handler(view, request, *args, **named)
        organisation: Organisation = request.organisation  # type: ignore[attr-defined]
        fingerprint = _fingerprint(request)
        with transaction.atomic():
            _lock(organisation, key)
            earlier = _earlier(organisation, key)
            if earlier is not None:
                return _replayed(earlier, fingerprint)
            response = handler(view, request, *args, **named)
            _remember(organisation, key, fingerprint, response)
        return response

    return once


def _key_of(request: Request) -> str | None:
    """Bare or as a quoted string (the IETF draft)."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if len(key) > 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        message = {"location": "Idempotency-Key", "message": "must be 1 to 255 visible ASCII characters"}
        raise Problem("yours:invalid", errors=[{**message, "fix": "Send a UUID."}])
    return key


def _fingerprint(request: Request) -> str:
    """Two requests are the same when method, address and body are; files count by content, not by boundary."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if not request.content_type.startswith("multipart/"):
        digest.update(request._request.body)
        return digest.hexdigest()
    fields: Any = request.data  # a QueryDict: the parser is multipart
    for name in sorted(fields):
        for part in fields.getlist(name):
            digest.update(f"\n{name}\n".encode())
            if isinstance(part, UploadedFile):
                for chunk in part.chunks():
                    digest.update(chunk)
                part.seek(0)
            else:
                digest.update(str(part).encode())
    return digest.hexdigest()


def _lock(organisation: Organisation, key: str) -> None:
    """Held until the transaction ends, however it ends."""
    with connection.cursor() as cursor:
        name = f"idempotency:{organisation.pk}:{key}"
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        if not cursor.fetchone()[0]:
            raise Problem("yours:idempotency-in-flight", retry_after_s=1)


def _earlier(organisation: Organisation, key: str) -> IdempotencyRecord | None:
    record = IdempotencyRecord.objects.of(organisation).filter(key=key).first()
    if record is not None and record.expires_at <= timezone.now():
        record.delete()
        return None
    return record


def _replayed(record: IdempotencyRecord, fingerprint: str) -> Response:
    if not hmac.compare_digest(record.fingerprint, fingerprint):
        raise Problem("yours:idempotency-reuse")
    text = _cipher(record.organisation_id, record.key).decrypt(record.body.encode())
    headers = {**record.headers, "Idempotency-Replayed": "true"}
    return Response(json.loads(text) if text else None, record.status, headers=headers)


def _remember(organisation: Organisation, key: str, fingerprint: str, response: Response) -> None:
    body = JSONRenderer().render(response.data) if response.data is not None else b""
    IdempotencyRecord.objects.create(
        organisation=organisation,
        key=key,
        fingerprint=fingerprint,
        status=response.status_code,
        headers={name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
        body=_cipher(organisation.pk, key).encrypt(body).decode(),
        expires_at=timezone.now() + timedelta(hours=KEEP_HOURS),
    )


def _cipher(organisation_id: str, key: str) -> Fernet:
    """A key per record, from the installation's secret: the table alone gives nothing away."""
    name = f"idempotency:{organisation_id}:{key}"
    return Fernet(base64.urlsafe_b64encode(hmac.digest(settings.SECRET_KEY.encode(), name.encode(), "sha256")))
