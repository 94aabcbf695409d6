"""What a check has to say: a refusal ends it, an issue is noted beside the data. Each has a code, a place and a fix."""

from dataclasses import asdict, dataclass, field
from typing import Any

from apps.datasets.checking.limits import ISSUES_SHOWN
from contracts.failures import FAILURES

# Codes `data:*` are observations, not failures: the version becomes ready and people decide.
NOTICES = {
    "data:encoding": "Nothing to do if the text looks right; save as UTF-8 to be sure.",
    "data:separator": "Nothing to do if the columns look right.",
    "data:header-looks-like-data": "Add a first row with column names if there is none.",
    "data:column-renamed": "Give the column a short name of its own in the file.",
    "data:infinite-number": "They count as missing; write a number, or leave the field empty.",
    "data:number-rounded": "A number keeps 15 digits; give the column the type id or category to keep all.",
    "data:not-a-number": "They count as missing; correct them, or give the column the type category.",
    "data:decimal-comma": "Read as decimal numbers; give the column the type category if that is wrong.",
    "data:thousands-separator": "Read as whole numbers; give the column the type category if that is wrong.",
    "data:leading-zeros": "Kept as written; give the column the type number if it counts something.",
    "data:date-order": "Give dates as YYYY-MM-DD to leave no doubt.",
    "data:time-zones": "All times were brought to UTC.",
    "data:not-a-date": "They count as missing; correct them, or give the column the type category.",
    "data:nested-value": "Kept as JSON text; flatten it into columns to learn from it.",
    "data:identifier": "Left out of training; give the column another type to use it.",
    "data:constant-column": "It teaches nothing; leave it out.",
    "data:empty-column": "It teaches nothing; leave it out.",
    "data:mostly-missing": "Check the export; the column may be worth leaving out.",
    "data:duplicate-rows": "Remove copies, or they may sit in both the training and the test rows.",
    "data:leakage-suspect": "Leave the column out if it is not known before the answer is.",
    "data:rare-class": "Collect more examples or merge rare classes.",
    "data:target-missing": "Rows without a label are left out of training.",
    "data:imbalance": "Look at per-class quality, not at accuracy alone.",
    "data:ignored-files": "Nothing to do: only PNG, JPEG and WebP in class folders are read.",
    "data:image-unreadable": "Remove or replace the file; it is left out.",
    "data:image-converted": "Nothing to do: images are read as upright RGB with 8 bits.",
    "data:image-location": "The stored ZIP keeps it; remove it before uploading if it is private.",
    "data:duplicate-images": "Remove copies, or they may sit in both the training and the test images.",
    "data:label-conflict": "Decide for one class; the same picture is filed under two.",
    "data:mixed-sizes": "Nothing to do: images are scaled for training.",
    "data:role-missing": 'Say which column it is: option `roles`, like {"user": "customer", "item": "product"}.',
    "data:event-incomplete": "They are left out of training; fill in both columns to keep them.",
    "data:repeated-events": "They count as one event that says more.",
    "data:short-histories": "Nothing can be held out for them: collect more events per user to judge the model well.",
    "data:series-unsorted": "Nothing to do: rows are sorted by series and time before training.",
    "data:series-repeats": "Remove them, or the mean of each group is used.",
    "data:series-gaps": "Nothing to do: the value before stands in; fill them yourself if zero is meant.",
    "data:series-irregular": "Sum or average the values per hour, day, week or month before uploading.",
    "data:same-content": "Nothing to do: an earlier version holds exactly this data.",
}


@dataclass(frozen=True)
class Issue:
    code: str
    severity: str  # "error" | "warning" | "info"
    message: str
    location: str = ""  # "line 7, column 'age'" | "cats/12.png" | "column 'age'"
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


class Refusal(Exception):
    """The file cannot become a dataset version."""

    def __init__(
        self, code: str, message: str = "", location: str = "", more: list[tuple[str, str]] | None = None
    ) -> None:
        failure = FAILURES[code]
        self.code = code
        places = more or [(location, message or failure.title)]
        self.issues = [Issue(code, "error", text, place, failure.fix) for place, text in places]
        super().__init__(f"{code}: {message or failure.title} ({location})")


@dataclass
class Notes:
    """Collects issues that do not stop the check; long lists are cut."""

    issues: list[Issue] = field(default_factory=list)

    def warn(self, code: str, message: str, location: str = "") -> None:
        self._add(Issue(code, "warning", message, location, NOTICES[code]))

    def tell(self, code: str, message: str, location: str = "") -> None:
        self._add(Issue(code, "info", message, location, NOTICES[code]))

    def _add(self, issue: Issue) -> None:
        if len(self.issues) < ISSUES_SHOWN:
            self.issues.append(issue)


@dataclass
class Report:
    """Everything a successful check found; goes to result.json."""

    format: str  # "parquet" | "zip"
    canonical: str  # file in the private folder that holds the canonical bytes
    rows: int
    columns: list[dict[str, Any]] = field(default_factory=list)
    classes: list[dict[str, Any]] = field(default_factory=list)
    inferred_task: str = ""
    inferred_target: str = ""
    profile: dict[str, Any] = field(default_factory=dict)
    preview: dict[str, Any] = field(default_factory=dict)
    splits: dict[str, Any] = field(default_factory=dict)


def places(names: list[str], limit: int = 10) -> str:
    """`a, b, c and 4 more`"""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
