"""Small real datasets and job folders for the tests of training, export and batches."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

COLUMNS = [
    {"name": "width", "type": "number"},
    {"name": "height of it", "type": "number"},  # no identifier: needs a tensor name of its own
    {"name": "colour", "type": "category"},
    {"name": "is_new", "type": "boolean"},
    {"name": "code", "type": "id"},
    {"name": "kind", "type": "category"},
    {"name": "price", "type": "number"},
]


def table_bytes(rows: int = 240, seed: int = 1, **replaced: Any) -> bytes:
    """A table with numbers, words, booleans, missing values, an id, a class to predict and a value to predict."""
    random = np.random.default_rng(seed)
    width, height = random.normal(10, 3, rows), random.normal(5, 2, rows)
    colour = random.choice(["red", "green", "blue", "mauve"], rows, p=[0.4, 0.3, 0.28, 0.02])
    is_new = random.random(rows) < 0.5
    score = width - 10 + 2 * (colour == "red") + is_new
    kind = np.where(score > 2, "large", np.where(score > -1, "medium", "small"))
    price = 3 * width + height**2 + 5 * (colour == "green") + random.normal(0, 1, rows)
    missing = random.random(rows) < 0.1
    columns = {
        "width": pa.array([None if gone else float(one) for one, gone in zip(width, missing, strict=True)]),
        "height of it": pa.array(height),
        "colour": pa.array([None if gone else str(one) for one, gone in zip(colour, missing[::-1], strict=True)]),
        "is_new": pa.array(is_new.tolist()),
        "code": pa.array([f"id{i}" for i in range(rows)]),
        "kind": pa.array(kind.tolist()),
        "price": pa.array(price),
    }
    sink = io.BytesIO()
    pq.write_table(pa.table({**columns, **replaced}), sink)
    return sink.getvalue()


def image_bytes(side: int, seed: int = 0, channel: int = 0) -> bytes:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 60, (side, side, 3), dtype=np.uint8)
    pixels[..., channel] += 150
    raw = io.BytesIO()
    Image.fromarray(pixels).save(raw, "PNG")
    return raw.getvalue()


def zip_bytes(per_class: int = 12, side: int = 8) -> bytes:
    """Reddish, greenish and blueish squares below one root folder, with archiver junk."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("__MACOSX/things/red/._0.png", b"junk")
        archive.writestr("things/.DS_Store", b"junk")
        for channel, label in enumerate(("red", "green", "blue")):
            for number in range(per_class):
                archive.writestr(
                    f"things/{label}/{number}.png", image_bytes(side + number % 2, 100 * channel + number, channel)
                )
    return raw.getvalue()


def job(**changes: Any) -> dict[str, Any]:
    """A TrainJob as JSON, without what control adds."""
    plain = {
        "run_id": "run_1",
        "task": "tabular_classification",
        "target": "kind",
        "dataset_format": "parquet",
        "columns": COLUMNS,
        "splits": {"kind": "random", "seed": 3},
        "budget_seconds": 60.0,
        "seed": 3,
        "families": ["linear", "gradient_boosting"],
    }
    return {**plain, **changes}


def job_folder(folder: Path, dataset: bytes, **changes: Any) -> Path:
    """A folder as the supervisor prepares it for the child."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset").write_bytes(dataset)
    sha256 = hashlib.sha256(dataset).hexdigest()
    facts = {"fence": 1, "attempt": 1, "run_token": "", "dataset_sha256": sha256, "dataset_bytes": len(dataset)}
    (folder / "job.json").write_text(json.dumps({**facts, **job(**changes)}))
    return folder


def lines_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    return [line for line in found if line["kind"] == kind]
