"""Streams a CSV or TSV as batches of text columns; where pyarrow stumbles, Python's reader finds the line."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from apps.datasets.checking import limits
from apps.datasets.checking.csv_diagnosis import capped_lines, diagnose
from apps.datasets.checking.findings import Notes, Refusal
from apps.datasets.checking.header import column_names
from apps.datasets.checking.text_encoding import to_utf8

_SEPARATORS = ",;\t|"
_BLOCK_BYTES = 8 * limits.MIB
_SAMPLE_LINES = 60


class CsvSource:
    """`names`, then `batches()` as often as needed."""

    def __init__(self, path: Path, file_name: str, folder: Path, notes: Notes) -> None:
        self._text = to_utf8(path, folder, notes)
        first, self._blank_lines = _first_line(self._text.path)
        self.separator = find_separator(_sample(self._text.path), file_name)
        if self.separator not in ",\t":
            notes.tell("data:separator", f"Columns are separated by {self.separator!r}.")
        raw = _header(self._text.path, self.separator, first)
        self.names = column_names(raw, notes)
        if len(raw) > 1 and all(_is_number(name) for name in raw):
            notes.warn(
                "data:header-looks-like-data",
                "The first row holds only numbers, yet it was taken as column names.",
                "line 1",
            )
        if self._text.quotes % 2:
            diagnose(self._text.path, self.separator, len(self.names), self.names)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield batches of string columns; None only where a field is quoted away to nothing is not told apart."""
        rows = 0
        try:
            with self._open() as reader:
                for batch in reader:
                    rows += batch.num_rows
                    if rows > limits.TABLE_ROWS:
                        raise Refusal("yours:file-too-large", f"The table has more than {limits.TABLE_ROWS:,} rows.")
                    self._refuse_long_fields(batch)
                    yield batch
        except pa.ArrowInvalid as error:
            diagnose(self._text.path, self.separator, len(self.names), self.names)
            raise Refusal("yours:file-unreadable", f"The table cannot be parsed: {str(error)[:300]}") from error

    def _open(self) -> pa_csv.CSVStreamingReader:
        return pa_csv.open_csv(
            self._text.path,
            read_options=pa_csv.ReadOptions(
                use_threads=False,
                block_size=_BLOCK_BYTES,
                column_names=self.names,
                skip_rows=self._blank_lines,
                skip_rows_after_names=1,
            ),
            parse_options=pa_csv.ParseOptions(delimiter=self.separator, newlines_in_values=self._text.quotes > 0),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in self.names}, strings_can_be_null=False, check_utf8=False
            ),
        )

    def _refuse_long_fields(self, batch: pa.RecordBatch) -> None:
        if batch.nbytes < limits.FIELD_BYTES:
            return
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            longest = pc.max(pc.binary_length(column)).as_py() or 0
            if longest > limits.FIELD_BYTES:
                diagnose(self._text.path, self.separator, len(self.names), self.names)
                raise Refusal("yours:csv-field", f"A field has {longest:,} bytes.", f"column {name!r}")


def find_separator(sample: list[str], file_name: str) -> str:
    """Return the separator that splits the sample into the most even rows of more than one field."""
    if file_name.lower().removesuffix(".gz").endswith((".tsv", ".tab")) and any("\t" in line for line in sample):
        return "\t"
    best, best_score = ",", 0.0
    for separator in _SEPARATORS:
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=separator) if row]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        evenness = Counter(widths)[widths[0]] / len(widths)
        score = evenness * 1000 + min(widths[0], 500) / 10
        if score > best_score:
            best, best_score = separator, score
    return best


def _sample(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        text = file.read(limits.MIB // 4)
    lines = io.StringIO(text, newline="")
    whole = [line for line in lines if line.strip()]
    return whole[:_SAMPLE_LINES] if len(whole) > 1 else whole


def _first_line(path: Path) -> tuple[int, int]:
    """Return (number of the header's line, blank lines before it)."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, line in enumerate(capped_lines(file), start=1):
            if line.strip():
                return number, number - 1
    raise Refusal("yours:file-empty", "The file holds nothing but blank lines.")


def _header(path: Path, separator: str, line: int) -> list[str]:
    csv.field_size_limit(limits.LINE_BYTES)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = capped_lines(file)
        for _ in range(line - 1):
            next(lines)
        try:
            return next(csv.reader(lines, delimiter=separator))
        except csv.Error as error:
            raise Refusal("yours:csv-field", f"The header cannot be read ({error}).", f"line {line}") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
