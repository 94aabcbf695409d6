"""The data folder of one installation: where it is, its lock, its secrets and the addresses of its embedded servers."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
SECRETS_FILE = "secrets.json"
ADDRESSES_FILE = "embedded.json"


class FolderInUse(RuntimeError):
    """Another supervisor holds the data folder."""


def data_folder() -> Path:
    """Return the folder named by MODELYARD_DATA, or `var/` beside manage.py. Does not create it."""
    named = os.environ.get("MODELYARD_DATA", "").strip()
    return Path(named).expanduser().resolve() if named else REPOSITORY / "var"


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, or {} when there is none."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not hold a JSON object")
    return content


def write_private_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file at once; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def generated_secret(name: str, folder: Path | None = None) -> str:
    """Return the installation's secret of this name: 48 random bytes in URL-safe base 64, made once and kept."""
    folder = folder or data_folder()
    path = folder / SECRETS_FILE
    known = read_json(path)
    if name in known:
        return str(known[name])
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / ".secrets.lock"):
        known = read_json(path)  # another process may have been quicker
        if name not in known:
            known[name] = secrets.token_urlsafe(48)
            write_private_json(path, known)
    return str(known[name])


def embedded_address(name: str) -> str:
    """Return `database_url` or `redis_url` of the embedded servers, empty when none are recorded."""
    return str(read_json(data_folder() / ADDRESSES_FILE).get(name, ""))


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the data folder alone, so that two supervisors never run servers on the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(folder / ".lock", wait=False):
            yield
    except BlockingIOError:
        raise FolderInUse(
            f"{folder} is in use by another Modelyard. Stop that one, or set MODELYARD_DATA to another folder."
        ) from None


@contextlib.contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
