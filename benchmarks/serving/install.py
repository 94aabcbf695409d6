"""Gives every peer of the serving benchmark a virtual environment of its own, outside the repository.

    python -m benchmarks.serving.install [--only litserve mosec ray]

The environments lie under $MODELYARD_BENCH_CACHE, by default ~/.cache/modelyard-bench. Ray is heavy and slow to
start: it is installed only when it is named.
"""

import sys
from pathlib import Path

from benchmarks.environments import CACHE, Environments, install_from_command_line

PEERS = Path(__file__).with_name("peers")
ENVIRONMENTS = Environments(
    lists=PEERS,
    folder=CACHE / "environments",
    verb="make bench-serving-install",
    pythons={"pytriton": "/usr/bin/python3.11"},  # its Triton embeds the shared libpython of the system
    heavy=("ray",),
)

if __name__ == "__main__":
    sys.exit(install_from_command_line(ENVIRONMENTS, str(__doc__)))
