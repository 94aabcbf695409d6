"""The form that starts a run."""

from decimal import Decimal
from typing import Any

from django import forms

from apps.accounts.service_form import ServiceForm
from apps.datasets.models import DatasetVersion
from apps.training.series_rules import HORIZON_MOST
from apps.training.table_rules import SHARE_LEAST, SHARE_MOST
from contracts.jobs import FAMILIES, TASKS_TRAINABLE

BUDGET_DEFAULT_S = 60
_ROLES = {  # form field: role of a log's column
    "user_column": "user",
    "rating_column": "rating",
    "weight_column": "weight",
    "time_column": "time",
}
_SERIES = {"series_time": "time_column", "series_column": "series_column"}  # form field: option of a forecast
_NO_COLUMN = "(none)"
_METRIC_WORDS = {
    "log_loss": "The most probable class (log loss)",
    "accuracy": "Accuracy: most answers right",
    "balanced_accuracy": "Balanced accuracy: each class counts alike, however rare",
    "f1": "F1 of the second class: found, and few false alarms",
    "macro_f1": "Macro F1: F1 of both classes, counted alike",
}
_SPLIT_WORDS = {
    "": "By chance, each class alike",
    "time": "By time: the latest rows are the test",
    "group": "By group: a customer, patient or machine is never on both sides",
}
_TABLE = ("metric", "split_kind", "split_column", "test_share")
_FAMILY_WORDS = {
    "linear": "Linear: quick, easy to explain",
    "gradient_boosting": "Gradient boosting: usually the best on tables",
    "boosting_small": "Gradient boosting with small trees: holds back when there is little data",
    "extra_trees": "Extra trees: many random trees, errs differently",
    "xgboost": "XGBoost: a second kind of gradient boosting",
    "mlp": "Neural networks: smooth relations, numbers, many classes",
    "popularity": "Popularity: what everybody likes, the least a recommender must beat",
    "item_knn": "Item neighbours: met by the same people",
    "next_item": "Next item: met right after one another; needs times",
    "ease": "EASE: one closed formula, hard to beat up to some thousand items",
    "two_tower": "Two towers: a network for larger catalogues and for order in time",
    "seasonal_naive": "Seasonal naive: what was a season ago, the least a forecast must beat",
    "exponential_smoothing": "Exponential smoothing: level, trend and season that forget slowly",
    "theta": "Theta: half a straight line, half smoothing",
    "window_network": "Network on windows: learns from all series together",
    "tfidf_words": "Words: counts of words and pairs of words; quick and small",
    "tfidf_characters": "Words and characters: misspellings, languages without spaces",
    "lsa": "Latent semantic analysis: what is said with the same words",
    "minilm": "MiniLM: a small language model for English, read text by text; wants time or a GPU",
    "minilm_tuned": "MiniLM, fine-tuned on your labels: wants a GPU or a long budget",
    "pixels": "Pixels: a linear model on small pictures, ready in a second",
    "transfer": "Transfer from EfficientNet-Lite0: learns from few images",
    "transfer_large": "Transfer from EfficientNet-Lite1 or Lite2: photos, given more time",
}


class RunForm(ServiceForm):
    task = forms.ChoiceField(widget=forms.RadioSelect, label="What to learn")
    target = forms.ChoiceField(required=False, label="Column to predict")
    pool = forms.ChoiceField(widget=forms.RadioSelect, label="Hardware")
    budget_seconds = forms.IntegerField(
        min_value=10, max_value=24 * 3600, initial=BUDGET_DEFAULT_S, label="Time budget"
    )
    max_cost = forms.DecimalField(
        required=False,
        min_value=Decimal("0.000001"),
        max_digits=14,
        decimal_places=6,
        label="Cost cap",
        help_text="Left empty: the time budget at the pool's price plus a fifth for start-up and export.",
    )
    families = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Model families",
        help_text="Leave all unticked to let every family compete.",
    )
    user_column = forms.ChoiceField(required=False, label="Who: the column of the user")
    rating_column = forms.ChoiceField(required=False, label="How good: the column of a rating")
    weight_column = forms.ChoiceField(required=False, label="How often: the column of a number of plays or pieces")
    time_column = forms.ChoiceField(required=False, label="When: the column of the time")
    horizon = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=HORIZON_MOST,
        label="Steps ahead",
        help_text="Left empty: a usual number for hours, days, weeks or months.",
    )
    series_time = forms.ChoiceField(required=False, label="When: the column of the time")
    series_column = forms.ChoiceField(required=False, label="Which: the column that tells the series apart")
    precision = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Full numbers; rounded files are offered beside them where little is lost"),
            ("fp32", "Full numbers only (fp32)"),
            ("int8", "Weights of one byte where little is lost (int8)"),
            ("fp16", "Half precision where little is lost (fp16, GPU only)"),
        ],
        label="Numbers of the model that is deployed",
        help_text="Rounding is measured on held-out rows and taken only if at most 1 % of the labels change.",
    )
    search = forms.BooleanField(
        required=False,
        label="Search better settings for gradient boosting in the time left",
        help_text="Tables only. Worth it with some minutes of budget; what gains nothing is left out.",
    )
    metric = forms.ChoiceField(
        required=False,
        choices=list(_METRIC_WORDS.items()),
        label="Name the label by",
        help_text="For two classes: the probability from which the second one is named is put where this is best. "
        "Probabilities stay as they are.",
    )
    split_kind = forms.ChoiceField(
        required=False,
        choices=list(_SPLIT_WORDS.items()),
        label="Hold rows out",
        help_text="The test must be like the future. When rows follow each other in time, or several belong to one "
        "person, chance lets the model peek and the figures come out too good.",
    )
    split_column = forms.ChoiceField(
        required=False, label="Column of the time or group", help_text="Needed unless chance decides."
    )
    test_share = forms.IntegerField(
        required=False,
        min_value=round(SHARE_LEAST * 100),
        max_value=round(SHARE_MOST * 100),
        label="Share of the test (%)",
        help_text="Left empty: a fifth.",
    )
    name = forms.CharField(required=False, max_length=120, label="Name of the run")
    seed = forms.IntegerField(
        required=False,
        initial=0,
        min_value=0,
        max_value=2**31 - 1,
        help_text="The same seed and data give the same split.",
    )

    def __init__(self, *args: Any, version: DatasetVersion, pools: list[dict[str, Any]], **named: Any) -> None:
        super().__init__(*args, **named)
        is_images = version.format == "zip"
        tasks = [task for task in TASKS_TRAINABLE if (task == "image_classification") == is_images]
        self._choose("task", [(task, task.replace("_", " ").capitalize()) for task in tasks])
        self._choose("target", [(column["name"], column["name"]) for column in version.columns])
        for field in _ROLES:
            names = [(column["name"], column["name"]) for column in version.columns]
            self._choose(field, [("", "Find it by its name"), *names, (_NO_COLUMN, "There is none")])
        self._choose("pool", [(pool["name"], pool["title"]) for pool in pools])
        families = list(dict.fromkeys(family for task in tasks for family in FAMILIES[task]))
        self._choose("families", [(family, _FAMILY_WORDS.get(family, family)) for family in families])
        for field in _SERIES:
            names = [(column["name"], column["name"]) for column in version.columns]
            self._choose(field, [("", "Find it in the data"), *names])
        columns = [(column["name"], column["name"]) for column in version.columns]
        self._choose("split_column", [("", "Choose a column"), *columns])
        if is_images:
            for field in ("target", "horizon", "search", *_ROLES, *_SERIES, *_TABLE):
                del self.fields[field]

    def _choose(self, field: str, choices: list[tuple[str, str]]) -> None:
        self.fields[field].choices = choices  # type: ignore[attr-defined]

    @property
    def role_fields(self) -> list[forms.BoundField]:
        return [self[field] for field in _ROLES if field in self.fields]

    @property
    def table_fields(self) -> list[forms.BoundField]:
        return [self[field] for field in _TABLE if field in self.fields]

    @property
    def task_names(self) -> list[str]:
        return [name for name, _ in self.fields["task"].choices]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("split_kind") and not data.get("split_column"):
            self.add_error("split_column", "Choose the column that tells the time or the group.")
        return data

    def service_arguments(self) -> dict[str, Any]:
        """What estimate_run takes; start_run takes name and seed as well."""
        data = self.cleaned_data
        cap = data.get("max_cost")
        return {
            "task": data.get("task", ""),
            "target": data.get("target", ""),
            "pool": data.get("pool", "cpu"),
            "budget_seconds": data["budget_seconds"],
            "max_cost_micros": int(cap * 1_000_000) if cap else None,
            "families": data.get("families", []),
            "options": self._options(),
        }

    @property
    def series_fields(self) -> list[forms.BoundField]:
        return [self[field] for field in ("horizon", *_SERIES) if field in self.fields]

    def _options(self) -> dict[str, Any]:
        """What the task's own fields say, as far as they were filled in."""
        chosen = self._roles() | self._table_options()
        if precision := self.cleaned_data.get("precision"):
            chosen["precision"] = precision
        return chosen

    def _roles(self) -> dict[str, Any]:
        """Roles of a log's or a series' columns, as far as they were chosen."""
        if self.cleaned_data.get("task") == "forecasting":
            named = {
                option: self.cleaned_data.get(field) for field, option in {"horizon": "horizon", **_SERIES}.items()
            }
            return {option: value for option, value in named.items() if value}
        if self.cleaned_data.get("task") != "recommendation":
            return {}
        chosen = {role: self.cleaned_data.get(field) for field, role in _ROLES.items()}
        roles = {role: "" if name == _NO_COLUMN else name for role, name in chosen.items() if name}
        return {"roles": roles} if roles else {}

    def _table_options(self) -> dict[str, Any]:
        """Metric, search and splits: only tables have them."""
        data, options = self.cleaned_data, dict[str, Any]()
        if not str(data.get("task", "")).startswith("tabular_"):
            return {}
        if data.get("search"):
            options["search"] = True
        if data["task"] == "tabular_classification" and data.get("metric", "log_loss") not in ("", "log_loss"):
            options["metric"] = data["metric"]
        splits = {"kind": data.get("split_kind"), "column": data.get("split_kind") and data.get("split_column")}
        splits = {name: value for name, value in splits.items() if value}
        if data.get("test_share"):
            splits["test_share"] = data["test_share"] / 100
        return options | ({"splits": splits} if splits else {})
