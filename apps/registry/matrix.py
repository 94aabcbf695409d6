"""The confusion matrix as a table: each cell knows how much it weighs within its true class."""

from dataclasses import dataclass

_HEAT = (0.0, 0.05, 0.2, 0.5, 0.8)  # share of the true class from which the next, darker step begins


@dataclass(frozen=True)
class Cell:
    predicted: str
    count: int
    heat: int  # 0 (none) to 5
    is_right: bool


@dataclass(frozen=True)
class Row:
    true: str
    total: int
    cells: list[Cell]


def matrix_of(classes: list[str], confusion: list[list[int]]) -> list[Row]:
    rows = []
    for true, counts in zip(classes, confusion, strict=False):
        total = sum(counts)
        cells = [
            Cell(predicted, count, _heat(count, total), predicted == true)
            for predicted, count in zip(classes, counts, strict=False)
        ]
        rows.append(Row(true, total, cells))
    return rows


def _heat(count: int, total: int) -> int:
    share = count / total if total else 0.0
    return sum(share > limit for limit in _HEAT)
