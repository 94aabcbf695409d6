"""The whole platform for journeys, kill and browser tests: the code of `manage.py up` in a throw-away folder."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from embedded.data_folder import REPOSITORY
from embedded.ports import free_port
from embedded.postgres import SURVIVES_KILLS
from embedded.stack import Ports, Stack

_OURS = ("DATABASE_URL", "REDIS_URL", "MODELYARD_DATA", "STORAGE_URL", "STRIPE_SECRET_KEY", "PYTEST_CURRENT_TEST")


@dataclass(frozen=True)
class Account:
    """What `manage.py bootstrap` prints."""

    organisation: str
    slug: str
    user: str
    email: str
    password: str
    api_key: str


class Manage:
    """Runs manage.py's verbs against a platform in forks of one process: the Django it imports is always the same."""

    def __init__(self, environment: dict[str, str]) -> None:
        roots = os.pathsep.join([str(REPOSITORY / "platform"), str(REPOSITORY)])
        more = {"PYTHONPATH": roots, "DJANGO_SETTINGS_MODULE": "modelyard.settings"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forking_manage"],
            cwd=REPOSITORY,
            env=environment | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str) -> str:
        """Return what the verb prints; fail with what it complains about."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        code, printed, complaint = json.loads(self._process.stdout.readline())
        assert code == 0, f"manage.py {' '.join(arguments)}: exit {code}\n{complaint or printed}"
        return str(printed)

    def close(self) -> None:
        """The process ends with its input."""
        self._process.communicate(timeout=20)


class RunningStack:
    """A started platform, and the ways a test may disturb it."""

    def __init__(self, stack: Stack, manage: Manage) -> None:
        self._stack = stack
        self.manage = manage  # runs a manage.py verb against this platform, returns what it prints
        self.folder = stack.folder
        self.web_url = stack.web_url
        self.serve_url = stack.serve_url
        self.database_url = stack.environment["DATABASE_URL"]
        self.redis_url = stack.environment["REDIS_URL"]

    def bootstrap(
        self, name: str = "Acme", email: str = "alice@example.com", credit_micros: int = 5_000_000
    ) -> Account:
        """An organisation with its owner, credit and a key; the same name and address give the same organisation."""
        arguments = ("--org", name, "--email", email, "--password", "correct horse battery")
        told = self.manage("bootstrap", *arguments, "--credit-micros", str(credit_micros))
        return Account(**json.loads(told.splitlines()[-1]))

    def kill(self, name: str) -> None:
        """SIGKILL a process (web, control, beat, train, batch, serve, stripe, postgres, valkey). It is started again
        within about a second by the supervisor."""
        self._stack.supervisor.kill(name)

    def restart(self, name: str) -> None:
        """Stop a process properly, start it again, wait until it is ready."""
        self._stack.supervisor.restart(name)

    def stop(self, name: str) -> None:
        """Stop a process and leave it stopped until `restart`."""
        self._stack.supervisor.stop(name)

    def wait_back(self, name: str, starts: int, within_s: float = 60) -> None:
        """Wait until a process was started `starts` times in all and is ready."""
        wait_until(lambda: self._stack.supervisor.starts(name) >= starts, within_s, f"{name} to be started again")
        self._stack.supervisor.wait_ready(name)

    def starts(self, name: str) -> int:
        return self._stack.supervisor.starts(name)

    def pid(self, name: str) -> int | None:
        return self._stack.supervisor.pid(name)

    def log(self, name: str) -> str:
        """Everything a process has written."""
        return (self._stack.supervisor.logs / f"{name}.log").read_text(errors="replace")


@contextlib.contextmanager
def running_stack(environment: dict[str, str] | None = None) -> Iterator[RunningStack]:
    """Start the platform in a new folder; stop it and remove the folder afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="modelyard-stack-"))
    folder.chmod(0o755)  # PostgreSQL's user has to walk through it
    inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
    stack = Stack(
        folder,
        Ports(web=free_port(), serve=free_port(), stripe=free_port()),
        environment=inherited | (environment or {}),
        postgres_settings=SURVIVES_KILLS,
    )
    with contextlib.ExitStack() as ends:
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
        ends.callback(stack.close)
        stack.start()
        manage = Manage(stack.environment)
        ends.callback(manage.close)
        yield RunningStack(stack, manage)


def wait_until(condition: Callable[[], object], within_s: float, what: str) -> None:
    """Look ten times a second until `condition` holds; fail naming `what`."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {within_s:.0f} s for {what}"
        time.sleep(0.1)
