"""Set before torch and LightGBM load: spinning OpenMP threads would make these small fits crawl on a busy machine."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
