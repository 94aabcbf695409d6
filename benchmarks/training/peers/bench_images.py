"""Reads the archives of images: one folder per class, all of one size, grey or colour."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image


def read_train(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [N, H, W] or [N, H, W, 3] in 0..1, and the labels, which are the names of the folders."""
    with zipfile.ZipFile(folder / "train.zip") as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        pixels = np.stack([_pixels(archive.read(name)) for name in names])
    return pixels, np.array([name.split("/")[-2] for name in names])


def read_test(folder: Path) -> np.ndarray:
    """Pixels in the order of test.csv."""
    names = pd.read_csv(folder / "test.csv")["file"]
    with zipfile.ZipFile(folder / "test.zip") as archive:
        return np.stack([_pixels(archive.read(name)) for name in names])


def _pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)), np.float32) / 255
