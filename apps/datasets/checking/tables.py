"""The road of a table: look at every value, decide types and target, write Parquet, profile it."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from apps.datasets.checking import limits
from apps.datasets.checking.canonical import Source, write_canonical
from apps.datasets.checking.column_profile import describe
from apps.datasets.checking.column_types import ColumnPlan, decide
from apps.datasets.checking.conversion import is_text
from apps.datasets.checking.csv_source import CsvSource
from apps.datasets.checking.evidence import DEFAULT_MISSING, TextEvidence, TypedEvidence
from apps.datasets.checking.findings import Notes, Refusal, Report
from apps.datasets.checking.interaction_log import judge_log, roles_wanted
from apps.datasets.checking.jsonl_source import JsonLinesSource
from apps.datasets.checking.parquet_source import ParquetSource
from apps.datasets.checking.series_check import check_series
from apps.datasets.checking.sniffing import Upload
from apps.datasets.checking.statistics import survey
from apps.datasets.checking.table_profile import judge_target, table_profile
from apps.datasets.checking.target import Guess, guess

Evidence = dict[str, TextEvidence | TypedEvidence]
_DISTINCT_TOTAL = 1_500_000  # distinct values kept for all columns together


def check_table(upload: Upload, folder: Path, options: dict[str, Any], notes: Notes) -> Report:
    """1. open 2. gather evidence 3. decide types and target 4. write Parquet 5. profile."""
    missing = tuple(dict.fromkeys(["", *options["missing"]])) if "missing" in options else DEFAULT_MISSING
    source = _open(upload, folder, notes)
    _refuse_unknown_columns(source.names, options)
    evidence = _gather(source, missing)
    rows = next(iter(evidence.values())).rows
    if rows == 0:
        raise Refusal("yours:file-empty", "The table has a header and no rows.")
    if rows < limits.TABLE_ROWS_LEAST:
        raise Refusal("yours:too-few-rows", f"The table has {rows} rows.")
    plans = [decide(name, evidence[name], options.get("types", {}).get(name, ""), notes) for name in source.names]
    aim = guess(
        [_brief(plan, evidence[plan.name]) for plan in plans], options.get("target", ""), options.get("task", "")
    )
    plans = [_keep_spelling(plan, evidence[plan.name], aim) for plan in plans]
    path = folder / "canonical.parquet"
    write_canonical(source, plans, missing, path)
    facts = survey(path)
    columns = [describe(plan, evidence[plan.name], facts) for plan in plans]
    judge_target(columns, aim, facts, notes)
    profile = table_profile(columns, aim, facts, notes)
    if aim.task == "recommendation":
        profile["log"] = judge_log(path, roles_wanted(columns, options), notes)
    if aim.task == "forecasting":
        profile["series"] = check_series(path, columns, aim.target, notes)
    return Report(
        "parquet", path.name, facts.rows, columns, _classes(columns, aim), aim.task, aim.target,
        profile, facts.preview, _splits(aim, path),
    )  # fmt: skip


def _open(upload: Upload, folder: Path, notes: Notes) -> Source:
    if upload.format == "parquet":
        return ParquetSource(upload.path, notes)
    if upload.format == "jsonl":
        return JsonLinesSource(upload.path, folder, notes)
    return CsvSource(upload.path, upload.file_name, folder, notes)


def _refuse_unknown_columns(names: list[str], options: dict[str, Any]) -> None:
    wanted = [options["target"]] if options.get("target") else []
    for name in [*wanted, *options.get("types", {})]:
        if name not in names:
            raise Refusal("yours:target-unknown", f"There is no column {name!r}; there are {', '.join(names[:20])}.")


def _gather(source: Source, missing: tuple[str, ...]) -> Evidence:
    capacity = max(200, min(20_000, _DISTINCT_TOTAL // len(source.names)))
    found: Evidence = {}
    for name in source.names:
        kind = ""
        if isinstance(source, ParquetSource):
            kind = _kind(source.schema.field(source.names.index(name)).type)
        found[name] = TypedEvidence(kind, capacity) if kind else TextEvidence(missing, capacity)
    try:
        for batch in source.batches():
            for name, column in zip(source.names, batch.columns, strict=True):
                found[name].add(column)
    except pa.ArrowInvalid as error:
        raise Refusal("yours:csv-encoding", f"A column does not hold text: {str(error)[:200]}") from error
    return found


def _kind(kind: pa.DataType) -> str:
    """ "" for text, else what the Parquet type means."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if is_text(kind) or pa.types.is_null(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        return ""
    if pa.types.is_boolean(kind):
        return "boolean"
    return "datetime" if pa.types.is_temporal(kind) else "number"


def _brief(plan: ColumnPlan, found: TextEvidence | TypedEvidence) -> dict[str, Any]:
    return {
        "name": plan.name,
        "type": plan.type,
        "unique": found.distinct.number(),
        "missing": found.missing,
        "is_whole": plan.storage == "int64",
        "is_unique": found.distinct.number() >= found.rows - found.missing,
    }


def _keep_spelling(plan: ColumnPlan, found: TextEvidence | TypedEvidence, aim: Guess) -> ColumnPlan:
    """A target written True/False stays as written, so that predictions read like the labels."""
    if plan.name == aim.target and plan.type == "boolean" and isinstance(found, TextEvidence):
        return replace(
            plan, type="category", storage="string", evidence=f"{plan.evidence}; kept as written, it is the target"
        )
    return plan


def _classes(columns: list[dict[str, Any]], aim: Guess) -> list[dict[str, Any]]:
    if not aim.task.endswith("classification"):
        return []
    target = next((column for column in columns if column["name"] == aim.target), None)
    return [] if target is None else list(target.get("class_counts", []))


def _splits(aim: Guess, path: Path) -> dict[str, Any]:
    """The seed comes from the content, so the same data is always split the same way."""
    with path.open("rb") as file:
        seed = int(hashlib.file_digest(file, "sha256").hexdigest()[:7], 16)
    kind = "time" if aim.task == "forecasting" else "stratified" if aim.task.endswith("classification") else "random"
    return {"kind": kind, "seed": seed, "test_share": 0.2, "valid_share": 0.2}
