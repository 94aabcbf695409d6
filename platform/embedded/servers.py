"""The two embedded servers together: started where no address is given, and recorded for other processes."""

import os
from pathlib import Path

from embedded.data_folder import ADDRESSES_FILE, write_private_json
from embedded.postgres import Postgres
from embedded.processes import Supervisor
from embedded.valkey import Valkey


def start_servers(
    supervisor: Supervisor,
    folder: Path,
    *,
    postgres_settings: dict[str, str] | None = None,
    database_url: str = "",
    redis_url: str = "",
) -> dict[str, str]:
    """Start what has no address yet; return and record {"DATABASE_URL", "REDIS_URL"}."""
    if not database_url:
        postgres = Postgres(folder / "postgres", postgres_settings)
        postgres.prepare()
        supervisor.start(postgres.program())
        postgres.create_database()
        database_url = postgres.url
    if not redis_url:
        valkey = Valkey(folder / "valkey")
        valkey.prepare()
        supervisor.start(valkey.program())
        redis_url = valkey.url
    addresses = {"database_url": database_url, "redis_url": redis_url, "pid": os.getpid()}
    write_private_json(folder / ADDRESSES_FILE, addresses)
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url}


def forget_servers(folder: Path) -> None:
    """Remove the record, so that a later command says "not running" instead of failing to connect."""
    (folder / ADDRESSES_FILE).unlink(missing_ok=True)
