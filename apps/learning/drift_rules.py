"""How far two distributions are apart: the population stability index (PSI), and what chance alone would give.

PSI = sum over bins of (now - then) * ln(now / then). Custom in credit scoring: below 0.1 nothing happened, above 0.2
something did. Two samples of the same distribution have about (bins - 1) * (1/n + 1/m), so that much is taken off
before anything is called drift: with few rows a high value is mere chance.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

LIMIT_DEFAULT = 0.2
LIMIT_LEAST, LIMIT_MOST = 0.05, 5.0
WATCH_SHARE = 0.5  # of the limit: from here a column is worth a look
OVER_SHARE = 0.8  # of the limit: below it a drift is over
ROWS_LEAST = 200
BIN_SHARE_LEAST = 0.03  # bins of the profile that hold less are joined with their neighbours
CATEGORIES_MOST = 20
MISSING, OTHER = "(missing)", "(other)"


@dataclass(frozen=True)
class Profile:
    """A column as training saw it. Numbers have `edges` between their bins; words have names."""

    name: str
    rows: int
    shares: dict[str, float]  # of each bin, in order
    edges: tuple[float, ...] = ()
    names: tuple[str, ...] = ()  # bins of numbers, in words

    def bin_of(self, value: Any) -> str:
        if value is None or value == "":
            return MISSING
        if not self.edges:
            word = _word(value)
            return word if word in self.shares else OTHER
        try:
            number = float(value)
        except (TypeError, ValueError):
            return MISSING
        return self.names[bisect_left(self.edges, number)] if math.isfinite(number) else MISSING


@dataclass(frozen=True)
class Finding:
    name: str
    psi: float
    chance: float  # what the same distribution would give with so few rows
    rows: int
    bins: list[dict[str, Any]] = field(default_factory=list)  # {"name","then","now"}: shares

    @property
    def excess(self) -> float:
        return max(0.0, self.psi - self.chance)


def profile_of(column: Mapping[str, Any], rows: int) -> Profile | None:
    """From a dataset version's entry of a column; None where there is nothing to compare by (dates, texts, ids)."""
    kind, missing = column.get("type"), float(column.get("missing_share") or 0.0)
    if kind == "number":
        histogram = column.get("histogram") or {}
        return of_histogram(str(column["name"]), histogram.get("edges", []), histogram.get("counts", []), missing, rows)
    if kind in ("category", "boolean") and column.get("top"):
        counts = {_word(one["value"]): int(one["count"]) for one in column["top"][:CATEGORIES_MOST]}
        return of_counts(str(column["name"]), counts, round(rows * (1 - missing)), missing, rows)
    return None


def of_counts(name: str, counts: Mapping[str, int], present: int, missing: float, rows: int) -> Profile | None:
    """Words with their numbers; what `present` has beyond them are others."""
    present = max(present, sum(counts.values()))
    if not present:
        return None
    shares = {word: count / present * (1 - missing) for word, count in counts.items()}
    shares[OTHER] = (present - sum(counts.values())) / present * (1 - missing)
    return Profile(name, rows, shares | {MISSING: missing})


def of_histogram(name: str, edges: Sequence[float], counts: Sequence[int], missing: float, rows: int) -> Profile | None:
    """Neighbouring bins are joined until each holds enough to be compared; the ends are open."""
    total = sum(counts)
    if len(edges) != len(counts) + 1 or not total:
        return None
    kept_edges: list[float] = []
    shares: list[float] = []
    held = 0
    for place, count in enumerate(counts):
        held += count
        if held / total >= BIN_SHARE_LEAST and place < len(counts) - 1:
            shares.append(held / total)
            kept_edges.append(float(edges[place + 1]))
            held = 0
    if held / total < BIN_SHARE_LEAST and shares:
        shares[-1] += held / total
        kept_edges.pop()
    else:
        shares.append(held / total)
    if len(shares) < 2:  # one value, or nearly: what lies outside is all that can be seen
        low, high = float(edges[0]), float(edges[-1])
        kept_edges, shares = [math.nextafter(low, -math.inf), high], [0.0, 1.0, 0.0]
    names = _names(kept_edges)
    scaled = {word: share * (1 - missing) for word, share in zip(names, shares, strict=True)}
    return Profile(name, rows, scaled | {MISSING: missing}, tuple(kept_edges), tuple(names))


def of_values(name: str, values: Sequence[float], bins: int = 10) -> Profile | None:
    """Deciles of a sample, such as the answers on the test rows."""
    ordered = sorted(value for value in values if math.isfinite(value))
    if len(ordered) < ROWS_LEAST // 2:
        return None
    edges = sorted({ordered[len(ordered) * place // bins] for place in range(1, bins)})
    names = _names(edges)
    counts = [0] * len(names)
    for value in ordered:
        counts[bisect_left(edges, value)] += 1
    shares = {word: count / len(ordered) for word, count in zip(names, counts, strict=True)}
    return Profile(name, len(ordered), shares | {MISSING: 0.0}, tuple(edges), tuple(names))


def compare(profile: Profile, values: Iterable[Any]) -> Finding | None:
    """None below ROWS_LEAST values. Empty bins count as half a row, on either side."""
    counts = dict.fromkeys(profile.shares, 0)
    rows = 0
    for value in values:
        counts[profile.bin_of(value)] += 1
        rows += 1
    if rows < ROWS_LEAST:
        return None
    used = [word for word in counts if counts[word] or profile.shares[word] > 0]
    then = _floored({word: profile.shares[word] for word in used}, profile.rows)
    now = _floored({word: counts[word] / rows for word in used}, rows)
    psi = sum((now[word] - then[word]) * math.log(now[word] / then[word]) for word in used)
    chance = (len(used) - 1) * (1 / rows + 1 / max(1, profile.rows))
    bins = [{"name": word, "then": round(then[word], 5), "now": round(now[word], 5)} for word in used]
    return Finding(profile.name, round(psi, 5), round(chance, 5), rows, bins)


def is_drifting(worst: float | None, limit: float, *, was: bool) -> bool:
    """A drift begins above the limit and ends well below it, so that it does not come and go."""
    if worst is None:
        return was
    return worst > (limit * OVER_SHARE if was else limit)


def _floored(shares: Mapping[str, float], rows: int) -> dict[str, float]:
    least = 0.5 / max(1, rows)
    raised = {word: max(share, least) for word, share in shares.items()}
    total = sum(raised.values())
    return {word: share / total for word, share in raised.items()}


def _names(edges: Sequence[float]) -> list[str]:
    words = [f"{edge:.4g}" for edge in edges]
    inner = [f"{low} to {high}" for low, high in pairwise(words)]
    names = [f"up to {words[0]}", *inner, f"above {words[-1]}"]
    return [f"{name} ({place})" if names.count(name) > 1 else name for place, name in enumerate(names)]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
