"""Small logs of events with a taste to find: people of three kinds, items of three kinds, and an order in time."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ITEMS = 24
KINDS = 3
LOG_COLUMNS = [
    {"name": "customer", "type": "id"},
    {"name": "product", "type": "category"},
    {"name": "stars", "type": "number"},
    {"name": "bought_at", "type": "datetime"},
]
LOG_JOB = {"task": "recommendation", "target": "product", "columns": LOG_COLUMNS, "splits": {"seed": 3}}


def log_table(users: int = 90, events: int = 6, seed: int = 1) -> pa.Table:
    """Each person walks around the circle of the items of one kind, from anywhere, one step at a time."""
    random = np.random.default_rng(seed)
    rows: list[tuple[str, str, int, int]] = []
    for user in range(users):
        kind, start = user % KINDS, int(random.integers(ITEMS // KINDS))
        for step in range(events):
            place = (start + step) % (ITEMS // KINDS)
            stars = int(np.clip(3 + user % 2 + (place % 2) + random.integers(-1, 2), 1, 5))
            rows.append((f"u{user}", f"p{kind}{place}", stars, 1_700_000_000 + 1000 * step + user))
    order = random.permutation(len(rows))
    names = ["customer", "product", "stars", "bought_at"]
    columns = {name: [rows[i][place] for i in order] for place, name in enumerate(names)}
    seconds = pa.array(columns.pop("bought_at"), pa.int64())
    return pa.table({**columns, "bought_at": pc.multiply(seconds, 1_000_000).cast(pa.timestamp("us"))})


def log_bytes(drop: tuple[str, ...] = (), **shape: Any) -> bytes:
    table = log_table(**shape)
    sink = io.BytesIO()
    pq.write_table(table.drop_columns(list(drop)) if drop else table, sink)
    return sink.getvalue()


def columns_without(*names: str) -> list[dict[str, str]]:
    return [column for column in LOG_COLUMNS if column["name"] not in names]
