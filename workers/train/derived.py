"""Number columns made of other columns: dates as a calendar, words as counts, as numbers and as mean targets.

A mean target is learned out of fold: each row sees only the targets of rows outside its own fold, so no row reads its
own answer; rows that come later read the mean over all folds. Every map becomes a LabelEncoder of the graph.
"""

import numpy as np

from contracts.manifests import ColumnSpec
from workers.export.parts import DATE_LEAST_S, DATE_MOST_S, DateParts, WordValue
from workers.train.readers import Table

MEANS_FROM_WORDS = 6  # columns with fewer different words are told apart well enough by their one-hot flags
COUNTS_FROM_WORDS = 20
MEANS_MOST_CLASSES = 6  # with more classes a mean per class would drown the other features
WORDS_MOST = 20_000  # of a map, most frequent first
SHRINK_ROWS = 10.0  # a word's mean is pulled to the overall mean as by this many rows
NUMERIC_SHARE = 0.95  # of the words must be numbers before a text column is also read as numbers


def date_parts(seconds: np.ndarray) -> np.ndarray:
    """Seconds since 1970 [N] float64 → [N, 6] float32: days, year, month, day, weekday (0 Monday), hour."""
    is_known = (seconds >= DATE_LEAST_S) & (seconds <= DATE_MOST_S)  # NaN is not
    safe = np.where(is_known, seconds, 0.0)
    days = np.floor(safe / 86_400)
    hour = np.floor((safe - days * 86_400) / 3600)
    moments = days.astype(np.int64).astype("datetime64[D]")
    month_number = moments.astype("datetime64[M]").astype(np.int64)
    day = (moments - moments.astype("datetime64[M]")).astype(np.int64) + 1
    year, month = month_number // 12 + 1970, month_number % 12 + 1
    weekday = (days.astype(np.int64) + 3) % 7
    parts = np.stack([safe / 86_400, year, month, day, weekday, hour], axis=1).astype(np.float32)
    return np.where(is_known[:, None], parts, np.float32(np.nan))


def apply(table: Table, words: list[WordValue], dates: list[DateParts]) -> Table:
    """The table with its derived columns, as the graph derives them."""
    columns = dict(table.columns)
    for made in words:
        value_of = dict(zip(made.words, made.values, strict=True))
        default = np.float32(made.default)
        columns[made.name] = np.array([value_of.get(w, default) for w in table.columns[made.column]], np.float32)
    for one in dates:
        parts = date_parts(table.columns[one.column])
        columns |= {name: parts[:, i] for i, name in enumerate(one.names())}
    return Table(columns, table.rows)


def fit_derived(
    table: Table, specs: list[ColumnSpec], truth: np.ndarray, classes: int, folds: np.ndarray | None
) -> tuple[Table, list[WordValue], list[DateParts]]:
    """The training table with derived columns (means out of fold), and the maps for later rows.

    `folds`: [N] ids; None: no mean targets, since those of later rows would tell earlier ones the future.
    """
    dates = [DateParts(spec.name) for spec in specs if spec.type == "datetime"]
    words: list[WordValue] = []
    out_of_fold: dict[str, np.ndarray] = {}
    targets = _targets(truth, classes)
    for spec in specs:
        if spec.type in ("number", "datetime"):
            continue
        found, codes, counts = np.unique(table.columns[spec.name].astype(str), return_inverse=True, return_counts=True)
        if number := _as_numbers(spec.name, found):
            words.append(number)
        if len(found) >= COUNTS_FROM_WORDS:
            words.append(_map(f"{spec.name} → count", spec.name, found, np.log1p(counts), counts, 0.0))
        if folds is None or len(found) < MEANS_FROM_WORDS:
            continue
        for label, target in targets.items():
            name = f"{spec.name} → mean{label}"
            overall = float(target.mean())
            words.append(_map(name, spec.name, found, _means(codes, len(found), target, overall), counts, overall))
            values = np.empty(table.rows, np.float32)
            for fold in np.unique(folds):
                inside = folds == fold
                outside = ~inside
                level = float(target[outside].mean())
                values[inside] = _means(codes[outside], len(found), target[outside], level)[codes[inside]]
            out_of_fold[name] = values
    extended = apply(table, words, dates)
    return Table({**extended.columns, **out_of_fold}, table.rows), words, dates


def _targets(truth: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    if classes == 0:
        return {"": truth.astype(np.float64)}
    if classes == 2:
        return {"": (truth == 1).astype(np.float64)}
    return {f" {i}": (truth == i).astype(np.float64) for i in range(classes)} if classes <= MEANS_MOST_CLASSES else {}


def _means(codes: np.ndarray, words: int, target: np.ndarray, overall: float) -> np.ndarray:
    """Shrunken mean per word, float32."""
    sums = np.bincount(codes, weights=target, minlength=words)
    counts = np.bincount(codes, minlength=words)
    return np.asarray((sums + SHRINK_ROWS * overall) / (counts + SHRINK_ROWS), dtype=np.float32)


def _map(
    name: str, column: str, found: np.ndarray, values: np.ndarray, counts: np.ndarray, default: float
) -> WordValue:
    kept = np.sort(np.lexsort((found, -counts))[:WORDS_MOST])
    return WordValue(
        name, column, [str(found[i]) for i in kept], values[kept].astype(np.float32), float(np.float32(default))
    )


def _as_numbers(column: str, found: np.ndarray) -> WordValue | None:
    """Words that are numbers ("1", "2.5") also as numbers, so that trees can cut between them."""
    present = [str(word) for word in found if word != ""]
    numbers = [_number(word) for word in present]
    if len(present) < 3 or np.isfinite(numbers).mean() < NUMERIC_SHARE or len(present) > WORDS_MOST:
        return None
    return WordValue(f"{column} → number", column, present, np.array(numbers, np.float32), float("nan"))


def _number(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        return float("nan")
    return value if abs(value) < 1e30 else float("nan")
