"""Calls an address that a stranger has given, without becoming the stranger's arm inside our network.

1. resolve the name once, 2. every address it has must be public, 3. connect to that very address with the name kept for
TLS and Host, so that a second answer of the name server changes nothing, 4. no redirects, no proxies from outside,
five seconds, 64 kB. A name that cannot be resolved is refused, never skipped.
"""

import ipaddress
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from apps.webhooks.rules import is_public, url_objection

TIMEOUT_S = 5.0
MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Answer:
    status: int | None
    took_ms: int
    error: str = ""
    text: str = ""

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def safe_post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Return what came back; trouble is an Answer with `error`, never an exception."""
    began = time.monotonic()
    try:
        status, text = _post(url, body, headers)
    except (httpx.HTTPError, OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else ""
        return Answer(None, _since_ms(began), error=(reason or str(error) or type(error).__name__)[:300])
    return Answer(status, _since_ms(began), text=text, error="" if 200 <= status < 300 else f"answered {status}")


def address_for(host: str, port: int) -> str:
    """Return the address to connect to. ValueError when the name has one that is not public, or none."""
    try:
        found = [str(row[4][0]).split("%")[0] for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except socket.gaierror:
        found = []
    if not found:
        raise ValueError(f"the name {host} has no address")
    if host not in settings.WEBHOOK_ALLOWED_HOSTS:
        hidden = [address for address in found if not is_public(address)]
        if hidden:
            raise ValueError(f"{host} leads to {hidden[0]}, which is not a public address")
    return found[0]


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    if objection := url_objection(url, allowed_hosts=tuple(settings.WEBHOOK_ALLOWED_HOSTS)):
        raise ValueError(f"the address {objection}")
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = address_for(host, port)
    literal = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    target = parts._replace(netloc=f"{literal}:{port}").geturl()
    stop_at = time.monotonic() + TIMEOUT_S
    with (
        httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
        client.stream(
            "POST",
            target,
            content=body,
            headers={**headers, "Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "Modelyard"},
            extensions={"sni_hostname": host},
        ) as response,
    ):
        return response.status_code, _beginning(response, stop_at)


def _beginning(response: httpx.Response, stop_at: float) -> str:
    read = b""
    for chunk in response.iter_raw(4096):
        read += chunk
        if len(read) > MOST_BYTES:
            raise ValueError(f"the answer is longer than {MOST_BYTES} bytes")
        if time.monotonic() > stop_at:
            raise ValueError(f"the answer took longer than {TIMEOUT_S:.0f} s")
    return read[:500].decode("utf-8", "replace").replace("\x00", "")


def _since_ms(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
