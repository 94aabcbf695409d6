"""Forms of the dataset pages."""

from typing import Any

from django import forms

from apps.accounts.service_form import ServiceForm
from apps.datasets.rules import checked_options
from contracts.jobs import TASKS_TRAINABLE
from contracts.problems import Problem

_TASKS = [("", "Find out from the data")] + [(task, task.replace("_", " ").capitalize()) for task in TASKS_TRAINABLE]


class UploadForm(ServiceForm):
    file = forms.FileField(
        label="File",
        error_messages={"required": "Choose a file.", "empty": "The file is empty. Choose one with data in it."},
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.parquet,.jsonl,.zip,.gz"}),
    )
    target = forms.CharField(
        required=False,
        max_length=200,
        label="Column to predict",
        help_text="Left empty: it is guessed, and can be changed later.",
    )
    types = forms.CharField(
        required=False,
        label="Column types",
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "placeholder": "postcode: category"}),
        help_text="One “column: type” a line, where a guess is wrong: number, category, boolean, datetime, text, id.",
    )
    missing = forms.CharField(
        required=False,
        label="Words that mean missing",
        widget=forms.TextInput(attrs={"placeholder": "NA, -, unknown"}),
        help_text="Separated by commas. Left empty: the usual ones.",
    )

    def options(self) -> dict[str, Any]:
        """What receive_upload takes besides the file; only what was filled in."""
        data = self.cleaned_data
        found: dict[str, Any] = {}
        if data.get("target"):
            found["target"] = data["target"].strip()
        if data.get("types"):
            lines = (line.rpartition(":") for line in data["types"].splitlines() if line.strip())
            found["types"] = {column.strip(): kind.strip() for column, _, kind in lines}
        if data.get("missing"):
            found["missing"] = ["", *(word.strip() for word in data["missing"].split(",") if word.strip())]
        return found

    def clean(self) -> dict[str, Any]:
        """Look at the options before a dataset is made for the file."""
        try:
            checked_options(self.options())
        except Problem as problem:
            self.show(problem)
        return self.cleaned_data

    def show(self, problem: Problem) -> None:
        """The service names its options `options.types.postcode`; here they are fields of their own."""
        for error in problem.errors:
            error["location"] = str(error.get("location", "")).removeprefix("options.")
        super().show(problem)


class NewDatasetForm(UploadForm):
    name = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"data-name-from-file": "", "autocomplete": "off"})
    )
    task = forms.ChoiceField(
        choices=_TASKS,
        required=False,
        label="What the model should do",
        help_text="You can still change it when you start a run.",
    )
    field_order = ["name", "file", "task", "target", "types", "missing"]
