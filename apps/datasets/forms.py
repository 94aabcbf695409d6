"""Forms of the dataset pages."""

from django import forms

from apps.accounts.service_form import ServiceForm
from contracts.jobs import TASKS_TRAINABLE

_TASKS = [("", "Find out from the data")] + [(task, task.replace("_", " ").capitalize()) for task in TASKS_TRAINABLE]


class UploadForm(ServiceForm):
    file = forms.FileField(
        label="File",
        error_messages={"required": "Choose a file.", "empty": "The file is empty. Choose one with data in it."},
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.parquet,.jsonl,.zip,.gz"}),
    )


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
    field_order = ["name", "file", "task"]
