"""What a log of events says about itself: who plays which role, how often pairs repeat, who met too little."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.datasets.checking.findings import Notes, Refusal
from contracts.interactions import Roles, misfits, roles_of

_COUNTED_ROWS = 5_000_000  # beyond, pairs are counted in the first rows only
_FEW_EVENTS_SHARE = 0.5


def roles_wanted(columns: list[dict[str, Any]], options: dict[str, Any]) -> Roles:
    """Roles by the upload's options, then by name and type. Raises Refusal for roles that cannot be."""
    chosen = options.get("roles") or {}
    wrong = misfits(chosen, [column["name"] for column in columns])
    if wrong:
        raise Refusal("yours:roles-unclear", f"{'; '.join(wrong).capitalize()}.", "options.roles")
    return roles_of(columns, item=options.get("target", ""), chosen=chosen)


def judge_log(path: Path, roles: Roles, notes: Notes) -> dict[str, Any]:
    """Return `profile.log`: roles and counts; note repeats, rows that cannot count and users with one event."""
    told: dict[str, Any] = {"roles": {role: name for role, name in vars(roles).items() if name}}
    if not roles.is_complete:
        lacking = "user" if not roles.user else "item"
        notes.warn("data:role-missing", f"No column is known to hold the {lacking}.")
        return told
    user, item = _columns(path, roles)
    known = pc.and_(pc.is_valid(user), pc.is_valid(item)).to_numpy(zero_copy_only=False)
    users, items = (_codes(one)[known] for one in (user, item))
    if not len(users):
        notes.warn("data:role-missing", "No row has both a user and an item.")
        return told
    pairs = np.unique(users * (int(items.max()) + 1) + items)
    events = np.bincount(np.unique(users, return_inverse=True)[1])
    told |= {
        "users": len(events),
        "items": len(np.unique(items)),
        "events": len(users),
        "repeats": len(users) - len(pairs),
        "single_event_users": int((events == 1).sum()),
        "counted_rows": len(user),
    }
    if not known.all():
        notes.warn("data:event-incomplete", f"{int((~known).sum()):,} rows lack a user or an item.")
    if told["repeats"]:
        notes.tell("data:repeated-events", f"{told['repeats']:,} rows repeat a user and an item.")
    if told["single_event_users"] > _FEW_EVENTS_SHARE * len(events):
        notes.warn("data:short-histories", f"{told['single_event_users']:,} of {len(events):,} users have one event.")
    return told


def _columns(path: Path, roles: Roles) -> tuple[pa.Array, pa.Array]:
    """The first rows of both columns, as dictionaries."""
    parts, rows = [], 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=[roles.user, roles.item], batch_size=65_536):
            parts.append(batch)
            rows += len(batch)
            if rows >= _COUNTED_ROWS:
                break
        table = pa.Table.from_batches(parts, pa.schema([file.schema_arrow.field(n) for n in parts[0].schema.names]))
    return table.column(roles.user).combine_chunks(), table.column(roles.item).combine_chunks()


def _codes(column: pa.Array) -> np.ndarray:
    indices = column.dictionary_encode().indices
    return pc.fill_null(indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
