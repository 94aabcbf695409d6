"""API keys: how one looks, how it is checked without a database, how it is digested.

    my_live_<kid 10>_<secret 32><crc 6>      all base 62; the CRC-32 covers everything before it

The secret holds 190 random bits, so one HMAC-SHA-256 with a pepper is enough; no slow hash is needed.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY_PATTERN = re.compile(r"\bmy_(live|test)_([0-9A-Za-z]{10})_([0-9A-Za-z]{38})\b")  # for secret scanners too
SCOPES = ("predict", "read", "write", "billing", "admin")


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(BASE62[digit])
    return "".join(reversed(digits))


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), 6)


def mint_key(mode: str = "live") -> tuple[str, str]:
    """Return (kid, whole key). The whole key is shown once and never stored."""
    kid = "".join(secrets.choice(BASE62) for _ in range(10))
    secret = "".join(secrets.choice(BASE62) for _ in range(32))
    body = f"my_{mode}_{kid}_{secret}"
    return kid, body + _checksum(body)


def parse_key(text: str) -> str | None:
    """Return the kid of a well-formed key whose checksum fits, else None. Costs no look-up."""
    match = KEY_PATTERN.fullmatch(text)
    if match is None or _checksum(text[:-6]) != text[-6:]:
        return None
    return match.group(2)


def digest_key(pepper: bytes, text: str) -> str:
    """Hex HMAC-SHA-256 of the whole key: what is stored and published."""
    return hmac.new(pepper, text.encode(), hashlib.sha256).hexdigest()


def digest_token(text: str) -> str:
    """Hex SHA-256 of a node or run token (256 random bits, so no pepper)."""
    return hashlib.sha256(text.encode()).hexdigest()


def mint_token(prefix: str) -> str:
    """Node tokens `myn_…`, run tokens `myr_…`, batch tokens `myb_…`."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"
