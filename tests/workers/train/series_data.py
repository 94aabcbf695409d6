"""Small tables of series with everything that goes wrong in them, and job folders to forecast them from."""

import datetime
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.workers.train.jobs import job_folder

COLUMNS = [
    {"name": "date", "type": "datetime"},
    {"name": "shop", "type": "category"},
    {"name": "sales", "type": "number"},
]
START = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)


def shop_rows(shops: int = 4, days: int = 90, seed: int = 0) -> list[tuple[datetime.datetime, str, float]]:
    """Daily sales with a week's rhythm and a little growth, shop by shop."""
    random = np.random.default_rng(seed)
    rows = []
    for shop in range(shops):
        for day in range(days):
            busy = 8.0 if day % 7 in (4, 5) else 0.0
            value = 20 + 5 * shop + busy + 0.05 * day + random.normal(0, 0.6)
            rows.append((START + datetime.timedelta(days=day), f"shop {shop}", float(value)))
    return rows


def table_of(rows: list[tuple[datetime.datetime, str, float | None]]) -> bytes:
    when, shop, sales = zip(*rows, strict=True)
    stamps = pa.array(list(when), pa.timestamp("us", tz="UTC"))
    sink = io.BytesIO()
    pq.write_table(pa.table({"date": stamps, "shop": list(shop), "sales": pa.array(list(sales), pa.float64())}), sink)
    return sink.getvalue()


def series_folder(folder: Path, data: bytes, **changes: Any) -> Path:
    wishes = {"task": "forecasting", "target": "sales", "columns": COLUMNS, "families": [], "budget_seconds": 30.0}
    return job_folder(folder, data, **{**wishes, **changes})
