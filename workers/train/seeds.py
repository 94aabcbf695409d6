"""One seed in, the same numbers out: every random choice of a run is derived from here."""

import hashlib
import random

import numpy as np
import torch


def derive(seed: int, *names: object) -> int:
    """A 31-bit seed for one purpose (`derive(7, "mlp", round)`), so that no two purposes share a stream."""
    text = ":".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFFFFFF


def fix(seed: int, threads: int) -> None:
    """Seed every generator and ask torch for operations that repeat bitwise on CPU."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms would import a compiler for 2 s
    torch.set_num_threads(threads)


def generator(seed: int, *names: object) -> np.random.Generator:
    return np.random.default_rng(derive(seed, *names))
