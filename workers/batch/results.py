"""Writes the result of a batch as CSV: one line per input row, in order, with the prediction or why there is none."""

import csv
import json
from pathlib import Path

from contracts.manifests import ModelManifest
from workers.batch.predict import Answer

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class ResultFile:
    def __init__(self, path: Path, manifest: ModelManifest) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._is_image = bool(manifest.codec)
        self._classes = manifest.meaning.classes
        names = [f"probability_{label}" for label in self._classes]
        self._is_ranking = manifest.meaning.kind == "ranking"
        names += ["scores"] if self._is_ranking else []
        answers = ["prediction", *names]
        self._is_forecast = manifest.meaning.kind == "forecast"
        if self._is_forecast:
            horizon = next(one.shape[-1] for one in manifest.outputs if one.name == manifest.meaning.value_tensor)
            answers = [f"{end}_{step}" for step in range(1, horizon + 1) for end in ("value", "lower", "upper")]
        head = ["row", *(["file"] if self._is_image else []), *answers, "error"]
        self._width = len(answers)
        self._writer.writerow([as_text(name) for name in head])

    def write(self, answer: Answer) -> None:
        place: list[object] = [answer.piece.number, *([as_text(answer.piece.name)] if self._is_image else [])]
        if answer.problem:
            where = f"{answer.location}: " if answer.location else ""
            row = [*place, *[""] * self._width, as_text(where + answer.problem)]
        elif self._is_ranking:
            scores = [float(f"{score:.7g}") for score in answer.scores]
            row = [*place, json.dumps(answer.items, ensure_ascii=False), json.dumps(scores), ""]
        elif self._is_forecast:
            cells = [f"{one:.9g}" for step in answer.steps for one in step]
            row = [*place, *cells, *[""] * (self._width - len(cells)), ""]
        elif self._classes:
            row = [*place, as_text(answer.label), *(f"{share:.7g}" for share in answer.probabilities), ""]
        else:
            row = [*place, f"{answer.value:.9g}", ""]
        self._writer.writerow(row)

    def close(self) -> None:
        self._file.close()


def as_text(text: str) -> str:
    """Text that a spreadsheet cannot take for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
