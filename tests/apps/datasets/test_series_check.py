"""What the checks see in a table of series."""

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.datasets.checking.findings import Notes
from apps.datasets.checking.series_check import check_series

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
COLUMNS = [{"name": name, "type": kind} for name, kind in (("at", "datetime"), ("shop", "category"), ("y", "number"))]


def look(tmp_path: Path, rows: list[tuple[datetime.datetime, str]]) -> tuple[dict, set[str]]:
    stamps = pa.array([when for when, _ in rows], pa.timestamp("us", tz="UTC"))
    table = pa.table({"at": stamps, "shop": [shop for _, shop in rows], "y": [1.0] * len(rows)})
    pq.write_table(table, tmp_path / "t.parquet")
    notes = Notes()
    found = check_series(tmp_path / "t.parquet", COLUMNS, "y", notes)
    return found, {issue.code for issue in notes.issues}


def days(number: int, shop: str = "a") -> list[tuple[datetime.datetime, str]]:
    return [(START + datetime.timedelta(days=day), shop) for day in range(number)]


def test_the_column_that_tells_the_series_apart_is_found(tmp_path):
    found, codes = look(tmp_path, days(30, "a") + days(30, "b"))
    assert found["series_columns"] == ["shop"]
    assert (found["series"], found["frequency"], found["gaps"], found["repeats"]) == (2, "daily", 0, 0)
    assert codes == set()


def test_gaps_repeats_and_disorder_are_told(tmp_path):
    rows = days(30)
    found, codes = look(tmp_path, [*rows[:10], *rows[12:], rows[4]])
    assert (found["gaps"], found["repeats"]) == (2, 1)
    assert codes == {"data:series-gaps", "data:series-repeats", "data:series-unsorted"}


@pytest.mark.parametrize(
    ("stamps", "frequency"),
    [
        ([START + datetime.timedelta(hours=h) for h in range(50)], "hourly"),
        ([datetime.datetime(2020 + m // 12, m % 12 + 1, 1, tzinfo=datetime.UTC) for m in range(30)], "monthly"),
        ([START + datetime.timedelta(days=d) for d in range(60) if d % 7 < 5], "on business days"),
        ([START + datetime.timedelta(seconds=(n * 7919) % 400_000 + n**3) for n in range(40)], ""),
    ],
)
def test_the_rhythm_has_a_name(tmp_path, stamps, frequency):
    found, codes = look(tmp_path, [(when, "a") for when in sorted(stamps)])
    assert found["frequency"] == frequency
    assert ("data:series-irregular" in codes) == (frequency == "")
