"""A small Redis client for the hot path: pipelined, callback-based, 50 ms per answer, a breaker of 1 s."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import hiredis

log = logging.getLogger(__name__)

TIMEOUT_S = 0.05
BREAKER_S = 1.0

Reply = Callable[[Any], None]  # gets the reply, or None when Redis did not answer


@dataclass(frozen=True)
class RedisAddress:
    host: str
    port: int
    path: str  # Unix socket; empty: TCP
    username: str
    password: str
    database: int


def read_address(url: str) -> RedisAddress:
    """Read redis://[user:password@]host:port/db or unix:///path?db=n."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "unix"):
        raise ValueError(f"REDIS_URL must start with redis:// or unix://, not {parts.scheme}://")
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    is_socket = parts.scheme == "unix"
    database = query.get("db") or ("" if is_socket else parts.path.strip("/")) or "0"
    return RedisAddress(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 6379,
        path=unquote(parts.path) if is_socket else "",
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=int(database),
    )


class RedisLink(asyncio.Protocol):
    """One connection that comes back by itself. `ask` never raises and never blocks."""

    def __init__(self, address: RedisAddress, on_connect: tuple[tuple[Any, ...], ...] = ()) -> None:
        self.address = address
        self.up = False
        self.pushed: Callable[[Any], None] | None = None  # takes pub/sub messages
        self._on_connect = on_connect
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[Reply, asyncio.TimerHandle | None]] = deque()
        self._closed = False
        self._wake = asyncio.Event()

    async def keep_connected(self) -> None:
        """Connect, and connect again 1 s after each loss, until closed."""
        loop = asyncio.get_running_loop()
        while not self._closed:
            try:
                self._wake.clear()
                if self.address.path:
                    await asyncio.wait_for(loop.create_unix_connection(lambda: self, self.address.path), BREAKER_S)
                else:
                    connecting = loop.create_connection(lambda: self, self.address.host, self.address.port)
                    await asyncio.wait_for(connecting, BREAKER_S)
                await self._wake.wait()  # until the connection is lost
            except (OSError, TimeoutError) as error:
                log.warning("Redis cannot be reached: %s", error)
            if not self._closed:
                await asyncio.sleep(BREAKER_S)

    def ask(self, command: tuple[Any, ...], reply: Reply, timeout_s: float | None = TIMEOUT_S) -> bool:
        """Send a command. False: not connected, and `reply` will not be called."""
        if not self.up or self._transport is None:
            return False
        self._send(command, reply, timeout_s)
        return True

    def close(self) -> None:
        self._closed = True
        if self._transport is not None:
            self._transport.close()
        self._wake.set()

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._reader = hiredis.Reader()
        if self.address.password:
            user = (self.address.username,) if self.address.username else ()
            self._send(("AUTH", *user, self.address.password), self._first_reply)
        if self.address.database:
            self._send(("SELECT", str(self.address.database)), self._first_reply)
        for command in self._on_connect:
            self._send(command, self._first_reply)
        # Up only after an answer: a server that accepts connections and then hangs must not count as up.
        self._send(("PING",), self._pinged)

    def _first_reply(self, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            log.error("Redis refused the connection: %s", reply)

    def _pinged(self, reply: Any) -> None:
        if reply in (b"PONG", [b"pong", b""]):
            self.up = True
            log.info("Redis is connected")

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                if self.pushed is not None and isinstance(reply, list) and reply and reply[0] == b"message":
                    self.pushed(reply)
                elif self._waiting:
                    callback, timer = self._waiting.popleft()
                    if timer is not None:
                        timer.cancel()
                    callback(reply)
        except hiredis.ProtocolError as error:
            log.error("Redis sent something unreadable: %s", error)
            self._drop()

    def connection_lost(self, error: Exception | None) -> None:
        if self.up:
            log.warning("Redis is lost")
        self._drop()

    def _send(self, command: tuple[Any, ...], reply: Reply, timeout_s: float | None = 1.0) -> None:
        if self._transport is None:
            return
        loop = asyncio.get_running_loop()
        timer = None if timeout_s is None else loop.call_later(timeout_s, self._late, reply)
        self._waiting.append((reply, timer))
        self._transport.write(hiredis.pack_command(command))

    def _late(self, reply: Reply) -> None:
        # A busy loop may run the timer before it reads an answer that is already here: look once more first.
        asyncio.get_running_loop().call_later(0.001, self._give_up, reply)

    def _give_up(self, reply: Reply) -> None:
        if any(waiting is reply for waiting, _ in self._waiting):
            log.warning("Redis did not answer in time")
            self._drop()

    def _drop(self) -> None:
        """Break the connection and tell everyone who waits; replies that come later belong to nobody."""
        self.up = False
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        waiting, self._waiting = self._waiting, deque()
        for reply, timer in waiting:
            if timer is not None:
                timer.cancel()
            reply(None)
        self._wake.set()
