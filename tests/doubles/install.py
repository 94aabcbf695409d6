"""Gives the second stand-in for Stripe an environment of its own, outside the repository.

    python -m tests.doubles.install

It lies under $MODELYARD_BENCH_CACHE, by default ~/.cache/modelyard-bench. localstripe is under the GPL: it runs as a
process of its own and no part of it is in ours.
"""

import sys
from pathlib import Path

from benchmarks.environments import CACHE, Environments, install_from_command_line

ENVIRONMENTS = Environments(lists=Path(__file__).parent, folder=CACHE / "doubles", verb="make stripe-peer-install")

if __name__ == "__main__":
    sys.exit(install_from_command_line(ENVIRONMENTS, str(__doc__)))
