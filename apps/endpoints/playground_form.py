"""A form made of a model's manifest: one field per column, or a place for an image."""

import re
from typing import Any

from django import forms

from contracts.manifests import ColumnSpec, ModelManifest

PREFIX = "c"
_LIST_HELP = {
    "history": "What the user met already, one item a line, the latest last. Goes on from what the model has stored.",
    "items": "Rank only these, one item a line. Left empty: all items that the user has not met.",
}


class PlaygroundForm(forms.Form):
    """Fields are named c0, c1 … because a column may be called anything."""

    def __init__(self, *args: Any, manifest: ModelManifest, **named: Any) -> None:
        super().__init__(*args, **named)
        self.columns = [column for column in manifest.columns if column.tensor]
        for place, column in enumerate(self.columns):
            self.fields[f"{PREFIX}{place}"] = _field(column)

    def row(self) -> dict[str, Any]:
        """The row to send: columns left empty are left out, the model fills them in."""
        row = {}
        for place, column in enumerate(self.columns):
            value = self.cleaned_data.get(f"{PREFIX}{place}")
            if column.type == "items":
                value = [line.strip() for line in (value or "").splitlines() if line.strip()]
            if column.type == "numbers":
                value = _numbers(value or "")
            if value not in (None, "", []):
                row[column.name] = {"true": True, "false": False}[value] if column.type == "boolean" else value
        return row


def _numbers(text: str) -> list[Any]:
    """Numbers between spaces, commas, semicolons or line ends; anything else is sent as it is and answered for."""
    found: list[Any] = []
    for word in re.split(r"[\s,;]+", text.strip("[] \n\t")):
        try:
            found.append(float(word))
        except ValueError:
            found += [None if word in ("null", "nan", "NaN") else word] if word else []
    return found


def example_row(manifest: ModelManifest) -> dict[str, Any]:
    """A row for snippets: the examples seen in training."""
    return {column.name: column.example for column in manifest.columns if column.tensor and column.example is not None}


def _field(column: ColumnSpec) -> forms.Field:
    common: dict[str, Any] = {"label": column.name, "required": column.required, "initial": column.example}
    if column.type == "number":
        hint = "" if column.minimum is None else f"{column.minimum:g} to {column.maximum:g} in training"
        return forms.FloatField(widget=forms.NumberInput(attrs={"step": "any"}), help_text=hint, **common)
    if column.type == "numbers":
        return forms.CharField(
            max_length=1_000_000,
            widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
            help_text="The latest values, oldest first, with spaces or line ends between them. At least two seasons.",
            **common | {"initial": " ".join(f"{value:g}" for value in column.example or [])},
        )
    if column.type == "items":
        return forms.CharField(
            max_length=100_000,
            widget=forms.Textarea(attrs={"rows": 2, "class": "mono"}),
            help_text=_LIST_HELP.get(column.name, "One name a line."),
            **common | {"initial": "\n".join(column.example or [])},
        )
    if column.type == "boolean":
        initial = str(column.example).lower() if column.example is not None else ""
        return forms.ChoiceField(
            choices=[("", "Leave it out"), ("true", "true"), ("false", "false")], **common | {"initial": initial}
        )
    if column.type == "category" and column.categories:
        choices = [("", "Leave it out"), *((word, word) for word in column.categories)]
        return forms.ChoiceField(choices=choices, **common | {"initial": str(column.example or "")})
    if column.type == "text":
        long = forms.Textarea(attrs={"rows": 5})
        return forms.CharField(max_length=100_000, widget=long, **common | {"initial": str(column.example or "")})
    return forms.CharField(max_length=10_000, **common | {"initial": str(column.example or "")})


class ImageForm(forms.Form):
    image = forms.FileField(
        label="Image",
        error_messages={"required": "Choose an image."},
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )
