"""What the command writes: tables and progress for people, one JSON document for programs.

Results go to standard output, progress and errors to standard error. With --json there is no progress.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from modelyard_client.answers import Run
from modelyard_client.errors import ModelyardError


class Screen:
    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._out = Console(soft_wrap=True)
        self._err = Console(stderr=True, soft_wrap=True)

    def show(self, document: Any, text: str = "") -> None:
        """One result: `document` for programs, `text` for people."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n")
        elif text:
            self._out.print(escape(text), highlight=False)

    def table(self, documents: Sequence[dict[str, Any]], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A list of results: `documents` for programs, columns and rows for people."""
        if self.as_json:
            self.show({"data": list(documents)})
            return
        table = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*[escape("" if cell is None else str(cell)) for cell in row])
        self._out.print(table)
        if not rows:
            self._out.print("nothing yet", style="dim")

    def line(self, text: str) -> None:
        """One line of a stream (log lines)."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Something to know on the way; people only."""
        if not self.as_json:
            self._err.print(escape(text), style="dim", highlight=False)

    def error(self, error: ModelyardError) -> None:
        if self.as_json:
            sys.stderr.write(json.dumps({"error": error.as_dict()}, indent=1, ensure_ascii=False) + "\n")
            return
        self._err.print(f"[bold red]{escape(error.code)}[/] {escape(error.detail)}")
        for one in error.errors:
            place, words = one.get("location") or "", one.get("message") or ""
            self._err.print(f"  {escape(f'{place}: {words}'.strip(': '))} {escape(str(one.get('fix') or ''))}")
        if error.fix and not error.errors:
            self._err.print(f"  {escape(error.fix)}")
        if error.request_id:
            self._err.print(f"  request {escape(error.request_id)}", style="dim")

    @contextmanager
    def bar(self, words: str) -> Iterator["Bar"]:
        """A progress bar; silent with --json and where standard error is no terminal."""
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        shown = not self.as_json and self._err.is_terminal
        with Progress(*columns, TimeElapsedColumn(), console=self._err, disable=not shown) as progress:
            yield Bar(progress, words)


class Bar:
    def __init__(self, progress: Progress, words: str) -> None:
        self._progress = progress
        self._task = progress.add_task(escape(words), total=1.0)

    def bytes_done(self, done: int, whole: int) -> None:
        """Progress of an upload or download."""
        self._progress.update(self._task, completed=done / max(1, whole))

    def run_seen(self, run: Run) -> None:
        """Progress of a training: stage, the leader so far, what it has cost."""
        best = next((one for one in run.candidates if one.is_best), None)
        parts = [run.stage or run.state, best.family if best else "", money(run.cost_micros, run.currency)]
        if run.queue:
            parts = [f"queued, place {run.queue.get('position')}", str(run.queue.get("reason") or "")]
        words = " · ".join(part for part in parts if part)
        self._progress.update(self._task, completed=run.progress, description=escape(words))


def money(micros: int, currency: str) -> str:
    """1234567 micros → `1.234567 EUR`: all digits, because small amounts matter."""
    sign, whole = ("-" if micros < 0 else ""), abs(micros)
    return f"{sign}{whole // 1_000_000}.{whole % 1_000_000:06d} {currency}"


def figures(metrics: dict[str, float]) -> str:
    """`accuracy 0.983 · log_loss 0.06`."""
    return " · ".join(f"{name} {value:.4g}" for name, value in metrics.items() if isinstance(value, int | float))
