"""The log of who met what: read into numbers, repeats folded, one event per user held out for each question."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp

from contracts.interactions import Roles
from workers.train import seeds
from workers.train.failures import UserFailure
from workers.train.readers import as_numbers, as_text
from workers.train.splits import Parts

MOST_JUDGED_USERS = 10_000  # users whose held-out event is asked for: a confidence interval of half a per cent
LEAST_EVENTS = 20
LEAST_ITEMS = 2


@dataclass(frozen=True)
class Log:
    """Events without repeats, ordered by user and then by time (or by their place in the file).

    Items are numbered by falling popularity, so that the first M items are the M most popular.
    """

    user: np.ndarray  # int64 [E]
    item: np.ndarray  # int64 [E]
    time: np.ndarray  # float64 [E] seconds; empty: the log has no time
    rating: np.ndarray  # float64 [E]; empty: implicit
    strength: np.ndarray  # float32 [E] how much an event says, mean 1; empty: all the same
    users: list[str]
    items: list[str]
    repeats: int  # rows folded into earlier ones
    left_out: int  # rows without a user or an item

    @property
    def has_time(self) -> bool:
        return len(self.time) > 0

    def matrix(self, rows: np.ndarray, with_strength: bool = False) -> sp.csr_matrix:
        """[users, items] float32 of the given events; the order of a user's events is kept."""
        values = self.strength[rows] if with_strength and len(self.strength) else np.ones(len(rows), np.float32)
        starts = np.searchsorted(self.user[rows], np.arange(len(self.users) + 1))
        return sp.csr_matrix((values, self.item[rows], starts), shape=(len(self.users), len(self.items)))

    def histories(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(starts [users + 1], items of the given events in order)."""
        return np.searchsorted(self.user[rows], np.arange(len(self.users) + 1)), self.item[rows]


def read_log(path: Path, roles: Roles) -> Log:
    """Raises UserFailure when the file has no such columns or holds too little."""
    wanted = [name for name in (roles.user, roles.item, roles.rating, roles.weight, roles.time) if name]
    missing = [name for name in wanted if name not in set(pq.read_schema(path).names)]
    if missing:
        raise UserFailure("yours:target-unknown", f"The dataset has no column {missing[0]!r}.")
    table = pq.read_table(path, columns=list(dict.fromkeys(wanted)))
    user, users = _codes(table.column(roles.user))
    item, items = _codes(table.column(roles.item))
    known = (user >= 0) & (item >= 0)
    time = _seconds(table.column(roles.time)) if roles.time else np.zeros(table.num_rows)
    rating = as_numbers(table.column(roles.rating)).astype(np.float64) if roles.rating else np.empty(0)
    weight = as_numbers(table.column(roles.weight)).astype(np.float64) if roles.weight else np.empty(0)
    if len(rating):
        known &= np.isfinite(rating)
    rows = np.flatnonzero(known)
    time = np.where(np.isfinite(time), time, -np.inf)
    kept = _without_repeats(user, item, time, rows, len(items))
    used, counts = np.unique(item[kept], return_counts=True)
    if len(kept) < LEAST_EVENTS or len(used) < LEAST_ITEMS:
        raise UserFailure(
            "yours:too-few-rows",
            f"The log holds {len(kept)} different events of {len(used)} items; that is too little.",
        )
    order = used[np.lexsort((used, -counts))]
    number = np.full(len(items), -1, np.int64)
    number[order] = np.arange(len(order))
    seen, user_number = np.unique(user[kept], return_inverse=True)
    return Log(
        user=user_number.astype(np.int64),
        item=number[item[kept]],
        time=time[kept] if roles.time else np.empty(0),
        rating=rating[kept] if len(rating) else rating,
        strength=_strength(
            user_number, rating[kept] if len(rating) else rating, _total(weight, user, item, rows, kept)
        ),
        users=[users[one] for one in seen],
        items=[items[one] for one in order],
        repeats=len(rows) - len(kept),
        left_out=table.num_rows - len(rows),
    )


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Numbers and words, by the words' order; missing is -1. Whole numbers are written without `.0`."""
    encoded = column.combine_chunks().dictionary_encode()
    words = as_text(pa.chunked_array([encoded.dictionary]))
    names, places = np.unique(words.astype(str), return_inverse=True)
    indices = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    codes = np.where(indices >= 0, places.astype(np.int64)[indices], -1) if len(words) else indices
    empty = np.flatnonzero(names == "")
    return np.where(np.isin(codes, empty), -1, codes), [str(name) for name in names]


def _seconds(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_temporal(column.type):
        moments = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None)), safe=False).cast(pa.int64())
        return pc.fill_null(pc.cast(moments, pa.float64()), float("nan")).to_numpy() / 1e6
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array([float(text) if _is_number(text) else np.nan for text in column.to_pylist()])
    return pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan")).to_numpy()


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True


def _without_repeats(user: np.ndarray, item: np.ndarray, time: np.ndarray, rows: np.ndarray, items: int) -> np.ndarray:
    """The latest row of each (user, item), ordered by user, time and place in the file."""
    order = rows[np.lexsort((rows, time[rows], user[rows]))]
    pair = user[order] * items + item[order]
    _, last = np.unique(pair[::-1], return_index=True)
    return order[np.sort(len(order) - 1 - last)]


def _total(weight: np.ndarray, user: np.ndarray, item: np.ndarray, rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Weights of repeated rows, or how often they were repeated, summed per kept event."""
    width = int(item.max()) + 1
    pairs, place = np.unique(user[rows] * width + item[rows], return_inverse=True)
    values = np.clip(np.nan_to_num(weight[rows], nan=0.0), 0.0, None) if len(weight) else np.ones(len(rows))
    total = np.bincount(place, weights=values)
    return total[np.searchsorted(pairs, user[kept] * width + item[kept])]


def _strength(user: np.ndarray, rating: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Ratings beside the user's own mean, or the logarithm of counts; empty when all events say the same."""
    if len(rating):
        mean = np.bincount(user, rating) / np.bincount(user)
        strength = np.clip(1.0 + 0.6 * (rating - mean[user]) / (rating.std() or 1.0), 0.1, 2.5)
    else:
        strength = np.log1p(total)
    if strength.std() < 1e-9 or not np.isfinite(strength).all():
        return np.empty(0, np.float32)
    return (strength / strength.mean()).astype(np.float32)


def hold_out(log: Log, seed: int) -> Parts:
    """One event per judged user for the test and one for validation: the last ones, or without time random ones.

    Users with one event are only learned from; with two they are tested; from three on they also validate.
    """
    random = seeds.generator(seed, "hold-out")
    counts = np.bincount(log.user, minlength=len(log.users))
    draw = np.arange(len(log.user), dtype=np.float64) if log.has_time else random.random(len(log.user))
    order = np.lexsort((draw, log.user))  # the last of each user's stretch is held out
    ends = np.cumsum(counts)
    able = np.flatnonzero(counts >= 2)
    if len(able) == 0:
        raise UserFailure("yours:too-few-rows", "No user has two events, so nothing can be held out to test with.")
    judged = np.sort(random.permutation(able)[:MOST_JUDGED_USERS])
    test = order[ends[judged] - 1]
    valid = order[ends[judged[counts[judged] >= 3]] - 2]
    if len(valid) == 0:
        test, valid = test[::2], test[1::2]
    if len(test) == 0 or len(valid) == 0:
        raise UserFailure("yours:too-few-rows", "Too few users have several events to compare models.")
    held = np.zeros(len(log.user), bool)
    held[test] = held[valid] = True
    return Parts(np.flatnonzero(~held), np.sort(valid), np.sort(test))
