"""Explanations: why an endpoint answers as it does. Each is many runs of the model, and priced so."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from modelyard_client.answers import Explanations
from modelyard_client.calls import Call, filled
from modelyard_client.questions import PLAIN, Asking, Image, explain_url, images_call, rows_call, text_call
from modelyard_client.resources.predictions import Predict
from modelyard_client.shaping import shaped

Rows = Sequence[Mapping[str, Any]]


class Explain:
    """`client.explain("penguins", rows)`: which columns pushed each answer, and how far."""

    def __init__(self, predict: Predict) -> None:
        self._predict = predict

    def __call__(
        self,
        endpoint: str,
        rows: Rows,
        *,
        label: str | None = None,
        background: Rows | None = None,
        most_rows: int | None = None,
        seed: int | None = None,
        asking: Asking = PLAIN,
    ) -> Explanations:
        """At most 10 rows. `label`: whose probability, not the answered one's; `background`: rows to compare with,
        not typical ones; `most_rows`: runs of the model for a row (2 to 1,000), each priced like a prediction."""
        call = rows_call(self._url(endpoint), rows, asking)
        given = [dict(row) for row in background] if background is not None else None
        options = filled(label=label, background=given, most_rows=most_rows, seed=seed)
        return self._asked(replace(call, json=call.json | options))

    def text(
        self,
        endpoint: str,
        text: str,
        *,
        label: str | None = None,
        most_rows: int | None = None,
        seed: int | None = None,
        asking: Asking = PLAIN,
    ) -> Explanations:
        """Which words of a text pushed the answer."""
        url = self._url(endpoint, label=label, most_rows=most_rows, seed=seed)
        return self._asked(text_call(url, text, asking))

    def image(
        self, endpoint: str, image: Image, *, label: str | None = None, grid: int | None = None, asking: Asking = PLAIN
    ) -> Explanations:
        """Which parts of an image the answer rests on, in `grid` × `grid` cells (4 to 12; 8 if not given)."""
        return self._asked(images_call(self._url(endpoint, label=label, grid=grid), [image], asking))

    def _url(self, endpoint: str, **options: Any) -> str:
        said = urlencode(filled(**options))
        return explain_url(self._predict.url_of(endpoint)) + (f"?{said}" if said else "")

    def _asked(self, call: Call) -> Explanations:
        return shaped(Explanations, self._predict.send(call))
