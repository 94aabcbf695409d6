"""The whole platform on one machine: servers, database schema, node tokens, processes, in the order they need."""

import json
import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from embedded.data_folder import REPOSITORY
from embedded.platform_processes import CONTROL_SECRETS, PROCESSES, STRIPE_DOUBLE, PlatformProcess
from embedded.ports import is_listening, require_free
from embedded.processes import Program, Supervisor
from embedded.servers import forget_servers, start_servers

_STRIPE_DOUBLE_COMMAND = "apps/billing/management/commands/stripe_double.py"


@dataclass(frozen=True)
class Ports:
    """Where the processes listen on this machine."""

    web: int = 8000
    serve: int = 8100
    grpc: int = 0  # second door of the data plane; 0: shut
    stripe: int = 8420

    def as_environment(self) -> dict[str, str]:
        return {
            "WEB_PORT": str(self.web),
            "SERVE_PORT": str(self.serve),
            "SERVE_GRPC_PORT": str(self.grpc),
            "STRIPE_DOUBLE_PORT": str(self.stripe),
        }


class CommandFailed(RuntimeError):
    """A Django command that the start needs failed; the message holds its output."""


class Stack:
    """Starts and stops everything. `say` gets a line per step, `echo` (name, line) of what the children print."""

    def __init__(
        self,
        folder: Path,
        ports: Ports,
        *,
        environment: Mapping[str, str] | None = None,
        postgres_settings: dict[str, str] | None = None,
        say: Callable[[str], None] = lambda line: None,
        echo: Callable[[str, str], None] = lambda name, line: None,
    ) -> None:
        self.folder = folder
        self.ports = ports
        self._say, self._echo = say, echo
        self._postgres_settings = postgres_settings
        self._given = dict(os.environ if environment is None else environment)
        self.environment = self._given | ports.as_environment() | {"MODELYARD_DATA": str(folder)}
        self._processes = {process.name: process for process in self._wanted()}
        self.supervisor = Supervisor(folder / "logs", echo=self._hear, note=echo)

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.web}"

    @property
    def serve_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.serve}"

    def start(self) -> None:
        """Bring everything up; on any failure stop what was started and raise."""
        try:
            self._check_ports()
            self._start_servers()
            tokens = self._prepare()
            for process in self._processes.values():
                self._say(f"starting {process.name}")
                self.supervisor.start(self._program(process, tokens), wait=process.name == "web")
            for process in self._processes.values():
                self.supervisor.wait_ready(process.name)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop everything in the reverse order of the start."""
        self.supervisor.close()
        forget_servers(self.folder)

    def manage(self, *arguments: str) -> str:
        """Run a Django command against this stack and return what it prints. Raises CommandFailed with its output."""
        done = subprocess.run(
            [sys.executable, str(REPOSITORY / "manage.py"), *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            shown = shlex.join(arguments)
            raise CommandFailed(f"`manage.py {shown}` failed:\n{(done.stderr or done.stdout).strip()}")
        return done.stdout

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Run a Django command and return the JSON object that is the last line it prints."""
        answer: dict[str, Any] = json.loads(self.manage(*arguments).splitlines()[-1])
        return answer

    def _wanted(self) -> list[PlatformProcess]:
        needs_double = not self._given.get("STRIPE_SECRET_KEY") and (REPOSITORY / _STRIPE_DOUBLE_COMMAND).exists()
        return [*([STRIPE_DOUBLE] if needs_double else []), *PROCESSES]

    def _check_ports(self) -> None:
        ports = self.ports.as_environment()
        for process in self._processes.values():
            if process.port_variable:
                require_free("127.0.0.1", int(ports[process.port_variable]), process.port_variable)

    def _start_servers(self) -> None:
        self._say("starting PostgreSQL and Valkey")
        addresses = start_servers(
            self.supervisor,
            self.folder,
            postgres_settings=self._postgres_settings,
            database_url=self._given.get("DATABASE_URL", ""),
            redis_url=self._given.get("REDIS_URL", ""),
        )
        self.environment |= addresses

    def _prepare(self) -> dict[str, str]:
        self._say("preparing the database, static files and local nodes")
        tokens: dict[str, str] = self.ask("prepare", "--nodes")["node_tokens"]
        return tokens

    def _program(self, process: PlatformProcess, tokens: Mapping[str, str]) -> Program:
        argv = [sys.executable if word == "python" else word for word in process.command.split()]
        return Program(
            name=process.name,
            argv=argv,
            env=self._environment_of(process, tokens),
            cwd=REPOSITORY,
            ready=partial(self._is_healthy, process) if process.port_variable else None,
            ready_line=process.ready_line,
            ready_within_s=120,  # a busy machine may take long to import everything at once
            stage=2 if process.is_node else 1,  # servers 0, control 1: a node ships its journal to control at its end
            stop_signal=process.stop_signal,
            stop_within_s=process.stop_within_s,
        )

    def _environment_of(self, process: PlatformProcess, tokens: Mapping[str, str]) -> dict[str, str]:
        environment = dict(self.environment)
        roots = [str(REPOSITORY / "platform"), str(REPOSITORY), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, roots))
        environment["PYTHONUNBUFFERED"] = "1"
        if process.is_node:
            for name in CONTROL_SECRETS:
                environment.pop(name, None)
                environment.pop(f"{name}_FILE", None)
            environment |= {
                "CONTROL_URL": self.web_url,
                "NODE_TOKEN": tokens[process.node_kind],
                f"{process.node_kind.upper()}_DATA": str(self.folder / process.node_kind),
            }
        return environment

    def _is_healthy(self, process: PlatformProcess) -> bool:
        port = int(self.ports.as_environment()[process.port_variable])
        if not process.health_path:
            return is_listening(port)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{process.health_path}", timeout=3) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _hear(self, name: str, line: str) -> None:
        process = self._processes.get(name)
        if process is None or process.important(line):
            self._echo(name, line)
