"""Many dimensions to few: latent semantic analysis of n-gram counts (randomised SVD), principal components."""

import numpy as np
from scipy import sparse

POWER_STEPS = 3
SPARE = 10  # columns more than wanted while iterating


def latent(x: sparse.csr_matrix, width: int, seed: int) -> tuple[np.ndarray, float]:
    """Directions [D, width] float32 with columns of length one, and the share of the variance they hold."""
    width = max(1, min(width, min(x.shape) - 1))
    random = np.random.default_rng(seed)
    wide = x.astype(np.float64)
    found = wide @ random.standard_normal((x.shape[1], min(width + SPARE, x.shape[1])))
    for _ in range(POWER_STEPS):
        found, _ = np.linalg.qr(found)
        found = wide @ (wide.T @ found)
    basis, _ = np.linalg.qr(found)
    _, values, directions = np.linalg.svd(np.asarray((wide.T @ basis).T), full_matrices=False)
    total = float(wide.multiply(wide).sum())
    share = float((values[:width] ** 2).sum() / total) if total else 0.0
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    return (directions * signs[:, None])[:width].T.astype(np.float32), share


def principal(vectors: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean [D], directions [D, width] float32 and the share of variance they hold."""
    mean = vectors.mean(axis=0)
    _, values, directions = np.linalg.svd((vectors - mean).astype(np.float64), full_matrices=False)
    width = min(width, len(directions))
    share = float((values[:width] ** 2).sum() / max((values**2).sum(), 1e-12))
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    return mean.astype(np.float32), (directions * signs[:, None])[:width].T.astype(np.float32), share


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length one; a row of zeros stays."""
    lengths = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
    return np.asarray((vectors / np.maximum(lengths, 1e-12)).astype(np.float32))
