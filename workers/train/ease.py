"""EASE: the linear map from what was met to what is met, in closed form (Steck 2019, arXiv:1905.03375)."""

import time as clock

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack

MOST_ITEMS = 8_000  # the matrix and its inverse are held in memory: 0.5 GB in single precision
DOUBLE_MOST_ITEMS = 2_500
PROBE_ITEMS = 500


def gram(met: sp.csr_matrix, items: int) -> np.ndarray:
    """[items, items] of the most popular `items`: how often two were met by the same person."""
    kept = met[:, :items]
    kind = np.float64 if items <= DOUBLE_MOST_ITEMS else np.float32
    return np.asarray((kept.T @ kept).todense(), dtype=kind)


def solve(together: np.ndarray, penalty: float) -> np.ndarray:
    """float32 [M, M] with a zero diagonal: row, what was met; column, what is scored.

    Raises LinAlgError when the penalty is too small for the precision.
    """
    factor = lapack.dpotrf if together.dtype == np.float64 else lapack.spotrf
    invert = lapack.dpotri if together.dtype == np.float64 else lapack.spotri
    damped = np.array(together, order="F")
    damped[np.diag_indices(len(damped))] += penalty
    lower, failed = factor(damped, lower=1, overwrite_a=1)
    if not failed:
        inverse, failed = invert(lower, lower=1, overwrite_c=1)
    if failed:
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights = inverse / -np.diag(inverse)[None]
    weights[np.diag_indices(len(weights))] = 0.0
    return np.asarray(weights, dtype=np.float32)


def affordable_items(items: int, seconds: float) -> int:
    """How many items one solution may have within the seconds: measured on a small one, growing with the cube."""
    probe = np.eye(min(PROBE_ITEMS, items)) + 0.01
    before = clock.perf_counter()
    solve(probe, 1.0)
    unit_s = max(clock.perf_counter() - before, 1e-4) / len(probe) ** 3
    return int(min(items, MOST_ITEMS, (max(seconds, 0.0) / unit_s) ** (1 / 3)))
