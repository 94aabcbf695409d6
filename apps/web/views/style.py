"""The living style page: every component once, with contents that never change, for people who add pages."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

_COLOURS = (
    "ground",
    "surface",
    "sunken",
    "line-strong",
    "ink",
    "ink-soft",
    "ink-faint",
    "accent",
    "signal",
    "good",
    "warn",
    "bad",
)
_CURVE = [(step, 1.2 * 0.82**step + 0.18) for step in range(12)]
_HIGHER = [(step, height + 0.05 + 0.004 * step * step / 10) for step, height in _CURVE]


class SampleForm(forms.Form):
    name = forms.CharField(help_text="Help stands below the field that it is about.", initial="penguins")
    rows = forms.IntegerField(label="Rows", min_value=1, initial=0)
    kind = forms.ChoiceField(choices=[("a", "Realtime"), ("b", "Economy")], label="Pace", required=False)
    note = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), required=False, label="Note")
    agreed = forms.BooleanField(label="Tell me when it is done", help_text="By e-mail.", required=False)


def style(request: HttpRequest) -> HttpResponse:
    return render(request, "web/style.html", _contents())


def _contents() -> dict[str, Any]:
    first = date(2026, 1, 1)
    return {
        "colours": _COLOURS,
        "states": ("ready", "running", "queued", "paused", "failed"),
        "form": SampleForm({"style-name": "penguins", "style-rows": "0", "style-kind": "a"}, prefix="style"),
        "counts": [2, 5, 9, 14, 22, 18, 9, 6, 3, 1],
        "edges": [float(edge) for edge in range(11)],
        "days": [(first + timedelta(days=n), 1_000_000 + 90_000 * ((n * 7) % 11)) for n in range(30)],
        "curves": {"train_loss": _CURVE, "valid_loss": _HIGHER},
        "history": [20 + 4 * ((n * 3) % 7) for n in range(28)],
        "ends": {
            "value": [24.0, 28, 30, 26, 24, 31, 33],
            "lower": [20.0, 23, 24, 19, 17, 23, 24],
            "upper": [28.0, 33, 36, 33, 31, 39, 42],
        },
        "honest": [{"confidence": n / 10, "accuracy": n / 10 + 0.03, "count": 10 * n + 4} for n in range(1, 10)],
        "bars": (("Adelie", 0.72), ("Gentoo", 0.21), ("Chinstrap, which has a long name as well", 0.07)),
    }
