"""Test rows that were also learned from: they make a model look better than it is, so they are counted and named."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from workers.train.splits import Parts

CELLS_MOST = 30_000_000
IMAGE_BYTES_MOST = 300_000_000
_MIX = np.uint64(0x9E3779B97F4A7C15)


def warnings(data: Any, parts: Parts) -> list[dict[str, Any]]:
    """Plain sentences with counts; none where nothing was found. Looks at inputs alone, then at their labels."""
    keys = _keys(data)
    if keys is None:
        return []
    is_known = np.isin(keys[parts.test], keys[parts.fitted])
    found, count = [], int(is_known.sum())
    what = "images" if hasattr(data, "folder") else "rows"
    if count:
        share = count / len(parts.test)
        found.append(
            {
                "code": "duplicates",
                "rows": count,
                "message": f"{count:,} of {len(parts.test):,} test {what} ({100 * share:.1f} %) also lie among "
                f"the {what} that were learned from, equal in every input. For those the test measures memory.",
            }
        )
    conflicts = _conflicts(keys, data.truth) if data.classes else 0
    if conflicts:
        found.append(
            {
                "code": "conflicts",
                "rows": conflicts,
                "message": f"{conflicts:,} {what} are equal in every input to others with a different label. No model "
                "can get all of them right.",
            }
        )
    return found


def _keys(data: Any) -> np.ndarray | None:
    """One number per row, equal for equal inputs; None where that would take too long."""
    folder = getattr(data, "folder", None)
    if folder is not None:
        return _image_keys(folder.path, [folder.names[row] for row in data.rows])
    names = [getattr(one, "name", one) for one in data.used]
    if data.table.rows * len(names) > CELLS_MOST:
        return None
    keys = np.zeros(data.table.rows, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for name in names:
            codes = pa.array(data.table.columns[name], from_pandas=True).dictionary_encode().indices
            keys = (keys ^ (codes.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64))) * _MIX
            keys ^= keys >> np.uint64(29)
    return keys


def _image_keys(path: Path, names: list[str]) -> np.ndarray | None:
    """Digests of the files. The ZIP's checksums will not do: PNG files of one size often share theirs."""
    with zipfile.ZipFile(path) as archive:
        if sum(archive.getinfo(name).file_size for name in names) > IMAGE_BYTES_MOST:
            return None
        digests = [hashlib.blake2b(archive.read(name), digest_size=8).digest() for name in names]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def _conflicts(keys: np.ndarray, truth: np.ndarray) -> int:
    """Rows of groups of equal inputs that hold more than one label."""
    order = np.lexsort((truth, keys))
    starts = np.flatnonzero(np.append(True, keys[order][1:] != keys[order][:-1]))
    sizes = np.diff(np.append(starts, len(keys)))
    labels = truth[order]
    lows, highs = np.minimum.reduceat(labels, starts), np.maximum.reduceat(labels, starts)
    return int(sizes[lows != highs].sum())
