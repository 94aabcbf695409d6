"""`python -m workers.serve`: the data plane, configured by the environment (see settings.py)."""

import asyncio
import logging
import os
import sys

import uvloop

from workers.serve.memory import limit_heaps
from workers.serve.process import Process
from workers.serve.settings import Settings, SettingsError, read_settings
from workers.serve.slots import SlotLock, SlotTaken
from workers.serve.supervise import STARTED, die_with_parent, supervise

LOCK_WAIT_S = 30.0  # a predecessor that still drains


async def _run(settings: Settings) -> int:
    if settings.ready_fd >= 0:
        os.write(settings.ready_fd, STARTED)
    lock = SlotLock(settings.data / "journal" / str(settings.slot), LOCK_WAIT_S)
    process = Process(settings, asyncio.get_running_loop(), lock)
    await process.run()
    return int(process.failed)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = read_settings()
    except SettingsError as error:
        logging.error("%s", error)
        return 2
    limit_heaps()
    is_child = bool(os.environ.get("SERVE_CHILD"))
    if is_child:
        die_with_parent()
    try:
        if settings.processes > 1 and not is_child:
            return supervise(settings.processes, settings.host, settings.port)
        return uvloop.run(_run(settings))
    except (SlotTaken, OSError) as error:
        logging.error("cannot serve: %s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
