"""Gives every peer of the training benchmark a virtual environment of its own, outside the repository.

    python -m benchmarks.training.install [--only autogluon boosters]

The environments lie under $MODELYARD_BENCH_CACHE, by default ~/.cache/modelyard-bench.
"""

import sys
from pathlib import Path

from benchmarks.environments import CACHE, Environments, install_from_command_line

ENVIRONMENTS = Environments(
    lists=Path(__file__).with_name("peers"), folder=CACHE / "training", verb="make bench-training-install"
)

if __name__ == "__main__":
    sys.exit(install_from_command_line(ENVIRONMENTS, str(__doc__)))
