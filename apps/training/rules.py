"""Pure decisions about runs: who is next, which state may follow, what a run may cost, what is kept of its story."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from apps.training.precision_rules import OPTION as PRECISION_OPTION
from apps.training.precision_rules import fault_of_precision
from apps.training.series_rules import OPTIONS as SERIES_OPTIONS
from apps.training.series_rules import fault_of_series
from apps.training.table_rules import OPTIONS as TABLE_OPTIONS
from apps.training.table_rules import fault_of_table_options
from apps.training.text_rules import OPTIONS as TEXT_OPTIONS
from apps.training.text_rules import TASKS as TEXT_TASKS
from apps.training.text_rules import fault_of_texts, seconds_of_texts
from contracts.interactions import Roles, misfits, roles_of
from contracts.jobs import FAMILIES, MAX_ATTEMPTS, RUN_ACTIVE_STATES, RUN_FINAL_STATES, TASKS_TRAINABLE
from contracts.manifests import ColumnSpec
from contracts.wire import from_wire, to_wire

BUDGET_MIN_S = 10
CAP_HEADROOM = (12, 10)  # the default cost cap is budget x price x 12/10: start-up and export come on top of fitting
CAP_NEARLY_REACHED = (98, 100)  # from here the trainer is told to stop and keep its best model
BACKOFF_S = (0, 2, 10, 30)  # by number of lost attempts
CURVE_POINTS_MAX = 600
LOG_LINES_MAX = 5000
LOG_LINES_PER_BEAT_MAX = 200
LOG_LINE_CHARS_MAX = 1000
FILES_PER_ATTEMPT_MAX = 500
FILE_BYTES_MAX = 2 * 1024**3

TRANSITIONS: dict[str, frozenset[str]] = {
    "draft": frozenset({"queued", "cancelled"}),
    "queued": frozenset({"running", "failed", "cancelled"}),
    "running": frozenset({"validating", "exporting", "queued", *RUN_FINAL_STATES}),
    "validating": frozenset({"exporting", "queued", *RUN_FINAL_STATES}),
    "exporting": frozenset({"queued", *RUN_FINAL_STATES}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}


# --- who is next ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Waiting:
    """A queued run, as the queue sees it."""

    id: str
    organisation: str
    priority: int
    queued_at: datetime


@dataclass(frozen=True)
class Share:
    """What an organisation has in a pool: slots guaranteed to it, and the most it may use."""

    guaranteed_slots: int = 0
    max_slots: int | None = None


_NO_SHARE = Share()


def line_up(waiting: Iterable[Waiting], active: Mapping[str, int], shares: Mapping[str, Share]) -> list[Waiting]:
    """Return the waiting runs in the order in which they start.

    1. Within an organisation: higher priority, then older.
    2. Between organisations: those below their guaranteed slots, then those with fewer active slots, then priority
       and age. Guaranteed slots that nobody waits for are lent; a borrower keeps its slot until its run ends.
    3. The n-th run of an organisation is judged as if its n-1 earlier ones were active: that is what they will be.
    """
    by_organisation: dict[str, list[Waiting]] = {}
    for run in waiting:
        by_organisation.setdefault(run.organisation, []).append(run)
    keyed = []
    for organisation, runs in by_organisation.items():
        share = shares.get(organisation, _NO_SHARE)
        runs.sort(key=_own_order)
        for place, run in enumerate(runs):
            slots = active.get(organisation, 0) + place
            over = share.max_slots is not None and slots >= share.max_slots
            keyed.append(((over, slots >= share.guaranteed_slots, slots, *_own_order(run)), run))
    keyed.sort(key=lambda pair: pair[0])
    return [run for _, run in keyed]


def _own_order(run: Waiting) -> tuple[int, datetime, str]:
    return (-run.priority, run.queued_at, run.id)


def next_in_line(
    waiting: Iterable[Waiting], active: Mapping[str, int], shares: Mapping[str, Share], *, slots: int
) -> Waiting | None:
    """Return the run that starts now; None when nobody waits, the pool is full, or all are at their maximum."""
    if sum(active.values()) >= slots:
        return None
    line = line_up(waiting, active, shares)
    if not line or is_at_maximum(line[0].organisation, active, shares):
        return None
    return line[0]


def is_at_maximum(organisation: str, active: Mapping[str, int], shares: Mapping[str, Share]) -> bool:
    """Say whether an organisation uses all the slots it may."""
    most = shares.get(organisation, _NO_SHARE).max_slots
    return most is not None and active.get(organisation, 0) >= most


def waiting_reason(*, position: int, live_nodes: int, is_open: bool, at_maximum: bool, backing_off: bool) -> str:
    """Say in words why a queued run has not started."""
    if not is_open:
        return "The pool is closed for the moment."
    if backing_off:
        return "The machine was lost; the run starts again shortly."
    if at_maximum:
        return "Your organisation uses all the slots it may have in this pool."
    if live_nodes == 0:
        return "No machine of this pool is connected at the moment."
    if position > 1:
        return f"{position - 1} run{'s' if position > 2 else ''} will start before this one."
    return "Next in line: starts as soon as a machine is free."


# --- states ---------------------------------------------------------------------------------------------------------
def may_move(before: str, after: str) -> bool:
    """Say whether a run may go from one state to another."""
    return after in TRANSITIONS[before]


def shown_state(before: str, reported: str) -> str:
    """State after a heartbeat: a run never moves backwards within an attempt, whatever a late heartbeat says."""
    order = RUN_ACTIVE_STATES
    if reported not in order:
        return before
    return order[max(order.index(before), order.index(reported))]


def after_loss(attempt: int) -> tuple[str, int]:
    """State and backoff in seconds after the machine of attempt number `attempt` (1, 2, …) was lost."""
    if attempt >= MAX_ATTEMPTS:
        return "failed", 0
    return "queued", BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]


def is_charged(outcome: str, failure_code: str) -> bool:
    """What the user got, broke or stopped is charged; what we broke or lost is not."""
    return outcome in ("succeeded", "cancelled") or (outcome == "failed" and failure_code.startswith("yours:"))


# --- what is learnt from what ---------------------------------------------------------------------------------------
ROWS_MIN = 20
CLASSES_MAX = 1000
OPTIONS: dict[str, tuple[str, ...]] = {
    "recommendation": ("roles",),
    "forecasting": SERIES_OPTIONS,
    **TABLE_OPTIONS,
    **TEXT_OPTIONS,
}  # what a run may set besides the common things
REGRESSION_FROM_VALUES = 20  # a number column with more different values than this is taken as a quantity


@dataclass(frozen=True)
class Refusal:
    """Why a run may not start; becomes a problem answer."""

    code: str
    detail: str
    location: str


def inferred_task(target_column: Mapping[str, Any] | None, *, is_images: bool) -> str:
    """Return the task that a target column suggests."""
    if is_images:
        return "image_classification"
    column = target_column or {}
    if column.get("type") == "number" and int(column.get("unique") or 0) > REGRESSION_FROM_VALUES:
        return "tabular_regression"
    return "tabular_classification"


def refusal_of_task(task: str, families: Sequence[str], *, is_images: bool) -> Refusal | None:
    """Say whether there is a recipe for this task on this kind of data, and whether it knows the families."""
    if task not in TASKS_TRAINABLE:
        return Refusal(
            "yours:invalid", f"Task is one of {', '.join(TASKS_TRAINABLE)}; {task} cannot be trained.", "task"
        )
    if is_images != (task == "image_classification"):
        kind = "images" if is_images else "a table"
        return Refusal("yours:target-type", f"The dataset version holds {kind}; {task} cannot learn from it.", "task")
    unknown = [family for family in families if family not in FAMILIES[task]]
    if unknown:
        known = ", ".join(FAMILIES[task])
        return Refusal("yours:invalid", f"Unknown family {unknown[0]!r} for {task}; known are {known}.", "families")
    return None


def refusal_of_target(task: str, target: str, column: Mapping[str, Any] | None, *, rows: int) -> Refusal | None:
    """Say whether a table's target column can be learnt as this task."""
    if column is None:
        return Refusal("yours:target-unknown", f"There is no column {target!r} in the dataset version.", "target")
    labelled = rows - int(column.get("missing") or 0)
    values = int(column.get("unique") or 0)
    if labelled <= 0:
        return Refusal("yours:labels-missing", f"Column {target!r} has no values.", "target")
    if labelled < ROWS_MIN:
        return Refusal("yours:too-few-rows", f"Only {labelled} rows have a value in {target!r}.", "target")
    if values < 2:
        return Refusal("yours:one-class", f"Column {target!r} has the same value in every row.", "target")
    if task == "tabular_regression" and column.get("type") != "number":
        return Refusal("yours:target-type", f"Column {target!r} holds no numbers; choose classification.", "target")
    if task in ("tabular_classification", "text_classification") and values > CLASSES_MAX:
        return Refusal(
            "yours:target-type",
            f"Column {target!r} has {values} different values; at most {CLASSES_MAX} classes.",
            "target",
        )
    return None


def refusal_of_precision(task: str, options: Mapping[str, Any], *, has_gpu: bool) -> Refusal | None:
    """Say whether a run may be asked for the precision it names."""
    fault = fault_of_precision(task, options, has_gpu=has_gpu)
    return Refusal(*fault) if fault else None


EVENTS_MIN = 20
ITEMS_MIN = 2


def refusal_of_options(task: str, options: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> Refusal | None:
    """Say whether a run's options are known to its task and fit the data."""
    known = (*OPTIONS.get(task, ()), PRECISION_OPTION)
    unknown = [name for name in options if name not in known]
    if unknown:
        detail = f"There is no option {unknown[0]!r}; known are {', '.join(known)}."
        return Refusal("yours:invalid", detail, f"options.{unknown[0]}")
    if "roles" in options:
        wrong = misfits(options["roles"], [str(column.get("name")) for column in columns])
        if wrong:
            return Refusal("yours:roles-unclear", f"{'; '.join(wrong).capitalize()}.", "options.roles")
    fault = fault_of_table_options(options, columns) if task.startswith("tabular_") else None
    return Refusal(*fault) if fault else None


def refusal_of_series(
    target: str, columns: Sequence[Mapping[str, Any]], options: Mapping[str, Any], *, rows: int
) -> Refusal | None:
    """Say whether a table's column can be forecast."""
    column = next((one for one in columns if one.get("name") == target), None)
    fault = fault_of_series(target, column, columns, options)
    return Refusal(*fault) if fault else refusal_of_target("forecasting", target, column, rows=rows)


def refusal_of_texts(
    task: str, target: str, columns: Sequence[Mapping[str, Any]], options: Mapping[str, Any], *, rows: int
) -> Refusal | None:
    """Say whether the texts of a table can be learnt from. An embedding needs no target."""
    fault = fault_of_texts(task, target, columns, options)
    if fault:
        return Refusal(*fault)
    if task == "text_embedding" and not target:
        few = Refusal("yours:too-few-rows", f"There are only {rows} rows.", "dataset_version")
        return few if rows < ROWS_MIN else None
    column = next((one for one in columns if one.get("name") == target), None)
    return refusal_of_target(task, target, column, rows=rows)


def log_roles(columns: Sequence[Mapping[str, Any]], target: str, options: Mapping[str, Any]) -> Roles:
    """Which columns of a log are the user, the item, the rating or weight and the time."""
    return roles_of(columns, item=target, chosen=options.get("roles"))


def refusal_of_log(roles: Roles, columns: Sequence[Mapping[str, Any]], *, rows: int) -> Refusal | None:
    """Say whether a recommender can learn from this log."""
    if not roles.is_complete:
        lacking, where = ("user", "options.roles") if not roles.user else ("item", "target")
        return Refusal("yours:roles-unclear", f"No column is known to hold the {lacking}.", where)
    if rows < EVENTS_MIN:
        return Refusal("yours:too-few-rows", f"The log holds {rows} events; at least {EVENTS_MIN}.", "dataset_version")
    unique = {str(column.get("name")): int(column.get("unique") or 0) for column in columns}
    if unique.get(roles.item, ITEMS_MIN) < ITEMS_MIN:
        return Refusal("yours:one-class", f"Every event is with the same item in {roles.item!r}.", "target")
    if unique.get(roles.user, 0) >= rows:
        detail = f"Every user in {roles.user!r} stands once: nothing tells which items go together."
        return Refusal("yours:too-few-rows", detail, "dataset_version")
    return None


def refusal_of_classes(classes: Sequence[Mapping[str, Any]]) -> Refusal | None:
    """Say whether an image dataset has classes to tell apart."""
    if len(classes) < 2:
        return Refusal("yours:one-class", "The images are all of one class.", "dataset_version")
    if len(classes) > CLASSES_MAX:
        return Refusal(
            "yours:target-type", f"There are {len(classes)} classes; at most {CLASSES_MAX}.", "dataset_version"
        )
    return None


def column_spec(column: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profiled dataset column as the wire form of contracts.manifests.ColumnSpec."""
    known = {spec.name for spec in fields(ColumnSpec)}
    spec = {name: value for name, value in column.items() if name in known and name != "categories"}
    shown = column.get("categories") or []
    spec["categories"] = [str(entry.get("value", "")) if isinstance(entry, Mapping) else str(entry) for entry in shown]
    for bound in ("minimum", "maximum"):
        if not isinstance(spec.get(bound), int | float):
            spec[bound] = None  # dates have bounds too, but not as numbers
    return to_wire(from_wire(ColumnSpec, spec))


# --- money ----------------------------------------------------------------------------------------------------------
def default_cap_micros(budget_seconds: int, unit_price_micros: int) -> int:
    """Cost cap of a run that names none: budget x price x 1.2, rounded up."""
    up, down = CAP_HEADROOM
    return -(-budget_seconds * unit_price_micros * up // down)


def charged_units(compute_seconds: float, *, wall_seconds: float, unit_price_micros: int, cap_micros: int) -> int:
    """Whole seconds to charge, started ones too: never more than passed on the clock, nor than the hold pays."""
    seconds = max(0, math.ceil(min(compute_seconds, wall_seconds)))
    if unit_price_micros <= 0:
        return seconds
    return min(seconds, cap_micros // unit_price_micros)


def is_cap_nearly_reached(compute_seconds: float, unit_price_micros: int, cap_micros: int) -> bool:
    """Say whether the trainer has to stop fitting and keep its best model."""
    share, whole = CAP_NEARLY_REACHED
    return unit_price_micros > 0 and math.ceil(compute_seconds) * unit_price_micros * whole >= cap_micros * share


@dataclass(frozen=True)
class Estimate:
    seconds: int
    cost_micros: int
    max_cost_micros: int


# Five fits each, on two cores.
_SECONDS_PER_MILLION_CELLS = {
    "linear": 8.0,
    "gradient_boosting": 40.0,
    "boosting_small": 25.0,
    "extra_trees": 20.0,
    "xgboost": 30.0,
    "mlp": 200.0,
}
_SECONDS_PER_IMAGE = 0.06  # one forward pass of the backbone on two cores, read once and kept
_SECONDS_PER_LOG = 15.0  # settings are searched even in a small log
_SECONDS_PER_MILLION_EVENTS = 120.0
_OVERHEAD_S = 12  # start, load, split, evaluate, export, parity


def estimate(
    *, task: str, rows: int, columns: int, families: Sequence[str], budget_seconds: int, unit_price_micros: int
) -> Estimate:
    """Say how long a run will take and what it will cost, at most its budget. Rough on purpose, never above the cap."""
    if task == "image_classification":
        work_s = rows * _SECONDS_PER_IMAGE
    elif task in TEXT_TASKS:
        work_s = seconds_of_texts(rows)
    elif task == "recommendation":
        work_s = _SECONDS_PER_LOG + rows / 1e6 * _SECONDS_PER_MILLION_EVENTS
    else:
        million_cells = rows * max(columns, 1) / 1e6
        rates = [_SECONDS_PER_MILLION_CELLS.get(f, 8.0) for f in families] or list(_SECONDS_PER_MILLION_CELLS.values())
        work_s = million_cells * sum(rates)
    seconds = min(budget_seconds, math.ceil(_OVERHEAD_S + work_s))
    cap = default_cap_micros(budget_seconds, unit_price_micros)
    return Estimate(seconds, min(cap, seconds * unit_price_micros), cap)


# --- what is kept of a run's story ----------------------------------------------------------------------------------
def thinned(points: list[dict[str, Any]], limit: int = CURVE_POINTS_MAX) -> list[dict[str, Any]]:
    """Return at most `limit` points: above it every second old point goes, the newest always stays."""
    while len(points) > limit:
        points = points[-1::-2][::-1]
    return points


def finite(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers that JSON and PostgreSQL can hold: no NaN, no infinity."""
    kept = {}
    for name, value in values.items():
        if isinstance(value, int | float) and math.isfinite(value):
            kept[str(name)] = value
    return kept


def kept_loss(loss: Mapping[str, Any]) -> dict[str, Any]:
    """What a variant loses, as CandidateReport tells it; numbers only."""
    change = loss.get("change")
    return {**finite(loss), **({"change": finite(change)} if isinstance(change, Mapping) else {})}


def printable(line: str) -> str:
    """Return a log line that PostgreSQL can hold (no NUL), cut to its length."""
    return line.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:LOG_LINE_CHARS_MAX]


def active_by_organisation(organisations: Iterable[str]) -> dict[str, int]:
    """Count the active runs of each organisation."""
    return dict(Counter(organisations))
