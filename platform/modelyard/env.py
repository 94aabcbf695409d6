"""Reads settings from the environment and refuses what it does not understand."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from embedded.data_folder import data_folder, embedded_address
from embedded.data_folder import generated_secret as _generated_secret

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "", *, one_of: tuple[str, ...] = ()) -> str:
    """Return the variable, stripped; `default` when it is unset or empty."""
    value = os.environ.get(name, "").strip() or default
    if one_of and value not in one_of:
        raise ImproperlyConfigured(f"{name}={value!r}: expected one of {', '.join(one_of)}")
    return value


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated variable as a list without empty parts."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def flag(name: str, default: bool = False) -> bool:
    """Return a yes/no variable."""
    if name not in os.environ:
        return default
    value = os.environ[name].strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={os.environ[name]!r}: expected true or false")


def integer(name: str, default: int, *, minimum: int | None = None, maximum: int | None = None) -> int:
    """Return a whole number within its bounds."""
    raw = text(name, str(default))
    try:
        value = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r}: expected a whole number") from None
    if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
        raise ImproperlyConfigured(f"{name}={value}: expected {minimum} to {maximum}")
    return value


def secret(name: str, default: str = "") -> str:
    """Return NAME, or the content of the file that NAME_FILE names (as container secrets are mounted)."""
    path = text(f"{name}_FILE")
    if not path:
        return text(name, default)
    if text(name):
        raise ImproperlyConfigured(f"set {name} or {name}_FILE, not both")
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE={path!r} cannot be read: {error.strerror}") from None


def data_dir() -> Path:
    """Return the data folder: MODELYARD_DATA, or `var/` beside manage.py."""
    return data_folder()


def embedded_url(name: str) -> str:
    """Return `database_url` or `redis_url` of the servers that `manage.py up` started; empty when none are recorded."""
    return embedded_address(name)


def generated_secret(name: str) -> str:
    """Return a secret made once for this installation and kept in its data folder (mode 0600)."""
    return _generated_secret(name)
