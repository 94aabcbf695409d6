"""Opens the port of a process: one of its own, or the socket that the supervisor handed down."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from time import monotonic

from workers.serve.settings import Settings
from workers.serve.supervise import LISTENING

BACKLOG = 2048
LOADED_WITHIN_S = 20.0  # then it listens anyway and says itself what is not ready


async def listen(
    settings: Settings, factory: Callable[[], asyncio.Protocol], is_loaded: Callable[[], bool], stop: asyncio.Event
) -> asyncio.Server:
    """Return the listening server. `is_loaded()` tells whether every model is loaded, or known not to load.

    Raises OSError when the port is taken.
    """
    loop = asyncio.get_running_loop()
    if settings.listen_fd < 0:
        return await loop.create_server(factory, settings.host, settings.port, backlog=BACKLOG)
    await _until_loaded(is_loaded, stop)
    server = await loop.create_server(factory, sock=socket.socket(fileno=settings.listen_fd), backlog=BACKLOG)
    if settings.ready_fd >= 0:
        os.write(settings.ready_fd, LISTENING)
        os.close(settings.ready_fd)
    return server


async def _until_loaded(is_loaded: Callable[[], bool], stop: asyncio.Event) -> None:
    """Whoever connects meanwhile waits in the socket's queue, instead of hearing that the server is starting."""
    deadline_s = monotonic() + LOADED_WITHIN_S
    while monotonic() < deadline_s and not stop.is_set() and not is_loaded():
        await asyncio.sleep(0.02)
