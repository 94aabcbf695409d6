"""Registers the worker processes of one host as nodes and hands out their tokens."""

import os
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from apps.compute.models import Node, Pool
from apps.compute.services.register_node import register_node
from contracts.keys import digest_token

_LIFETIME_S = 365 * 24 * 3600
_RENEW_WITHIN = timedelta(days=30)

# file or process name -> (kind of node, pool)
LOCAL_NODES: dict[str, tuple[str, str | None]] = {
    "train": ("train", "cpu"),
    "batch": ("batch", "cpu"),
    "serve": ("serve", None),
}
GPU_NODES: dict[str, tuple[str, str | None]] = {"train-gpu": ("train", "gpu"), "serve-gpu": ("serve", None)}


def fresh_tokens() -> dict[str, str]:
    """Give each local node a new token; the old ones end."""
    return {name: _register(name, kind, pool) for name, (kind, pool) in LOCAL_NODES.items()}


def tokens_in(folder: Path) -> dict[str, str]:
    """Write one token file per node of this host, keeping those that are good for another month."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = {}
    for name, (kind, pool) in (LOCAL_NODES | GPU_NODES).items():
        path = folder / name
        known = path.read_text().strip() if path.exists() else ""
        tokens[name] = known if _is_good(known) else _register(name, kind, pool)
        if tokens[name] != known:
            _write_private(path, tokens[name])
    return tokens


def _register(name: str, kind: str, pool: str | None) -> str:
    row = Pool.objects.filter(name=pool).first() if pool else None
    _, token = register_node(f"local-{name}", kind=kind, pool=row, lifetime_s=_LIFETIME_S)
    return token


def _is_good(token: str) -> bool:
    until = timezone.now() + _RENEW_WITHIN
    return Node.objects.filter(
        token_digest=digest_token(token), token_expires_at__gt=until, disabled_at__isnull=True
    ).exists()


def _write_private(path: Path, token: str) -> None:
    draft = path.with_name(f".{path.name}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    draft.replace(path)
