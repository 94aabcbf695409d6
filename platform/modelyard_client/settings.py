"""Which key and which addresses a client uses: arguments, then the environment, then the file of `modelyard login`."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from modelyard_client.errors import ModelyardError

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Settings:
    """`data_url` empty: the platform says per endpoint where it answers."""

    api_key: str
    url: str
    data_url: str = ""


def config_path() -> Path:
    """~/.config/modelyard/config.json, or under XDG_CONFIG_HOME."""
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "modelyard" / "config.json"


def find_settings(api_key: str | None = None, url: str | None = None, data_url: str | None = None) -> Settings:
    """Raise `client:no-key` when there is no key. A stored key goes to the address it was stored with, nowhere else."""
    stored = read_config()
    stored_url = stored.get("url", "")
    address = (url or os.environ.get("MODELYARD_URL") or stored_url or DEFAULT_URL).rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise ModelyardError("client:address", f"{address!r} is no address.", fix="Write https://… in full.")
    mine = stored if address == stored_url else {}
    key = api_key or os.environ.get("MODELYARD_API_KEY") or mine.get("api_key", "")
    if not key:
        raise ModelyardError(
            "client:no-key",
            f"There is no API key for {address}.",
            status=401,
            fix="Run `modelyard login`, set MODELYARD_API_KEY, or pass api_key.",
        )
    data_address = data_url or os.environ.get("MODELYARD_DATA_URL") or mine.get("data_url", "")
    return Settings(key, address, data_address.rstrip("/"))


def read_config() -> dict[str, str]:
    """What `write_config` stored; empty where there is nothing."""
    try:
        content = json.loads(config_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelyardError(
            "client:config", f"{config_path()} cannot be read: {error}", fix="Run `modelyard login` again."
        ) from error
    return {str(name): str(value) for name, value in content.items()} if isinstance(content, dict) else {}


def write_config(settings: Settings) -> Path:
    """Store key and addresses for the owner's eyes only (0600)."""
    path = config_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    content = {"url": settings.url, "data_url": settings.data_url, "api_key": settings.api_key}
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
    fresh.replace(path)
    return path
