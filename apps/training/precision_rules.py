"""Pure decisions about the option `precision`: for which tasks and pools a model's numbers may be rounded."""

from collections.abc import Mapping
from typing import Any

from contracts.jobs import PRECISION_OPTIONS, ROUNDABLE_TASKS

OPTION = "precision"
ROUNDED = ("int8", "fp16")

Fault = tuple[str, str, str]  # code, detail, location


def fault_of_precision(task: str, options: Mapping[str, Any], *, has_gpu: bool) -> Fault | None:
    """Say why a run cannot be asked for this precision. What rounding costs is only known at its end."""
    wish, where = options.get(OPTION, "auto"), f"options.{OPTION}"
    if wish not in PRECISION_OPTIONS:
        return "yours:invalid", f"precision is one of {', '.join(PRECISION_OPTIONS)}.", where
    if wish in ROUNDED and task not in ROUNDABLE_TASKS:
        words = task.replace("_", " ")
        detail = (
            f"{wish} is not offered for {words}: only labels and values keep their meaning when weights are rounded."
        )
        return "yours:invalid", detail, where
    if wish == "fp16" and not has_gpu:
        return "yours:invalid", "fp16 is for pools with a GPU; on a processor it is slower than fp32.", where
    return None
