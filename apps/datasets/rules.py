"""Decisions about uploads that need only values: options, names, leases."""

from typing import Any

from apps.datasets.checking.column_types import TYPES
from apps.datasets.checking.limits import TABLE_COLUMNS, wall_s
from contracts.interactions import ROLES, misfits
from contracts.jobs import TASKS
from contracts.problems import Problem

CHECK_ATTEMPTS = 3  # a check that is lost this often is given up as ours
RETRY_AFTER_S = 30  # after a check that was lost
RECEIVED_GRACE_S = 60  # a received upload nobody checks by then is sent for again
_LEASE_SLACK_S = 120.0  # copying from and to the storage
_MISSING_WORDS = 100
_OPTIONS = ("types", "target", "task", "missing", "roles")


def lease_s(upload_bytes: int) -> float:
    """How long one check may hold the upload."""
    return wall_s(upload_bytes) + _LEASE_SLACK_S + upload_bytes / (20 * 1024 * 1024)


def clean_file_name(name: str) -> str:
    """What is shown of a file's name: its last part, printable, bounded. It never becomes a path."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(letter for letter in last if letter.isprintable())
    return shown.strip()[-255:] or "upload"


def checked_options(options: Any) -> dict[str, Any]:
    """Return `{types, target, task, missing, roles}` as given, or raise the Problem that names every fault."""
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise Problem("yours:invalid", errors=[_fault("options", "must be an object", "Send {} or leave it out.")])
    faults = [
        _fault(f"options.{name}", "there is no such option", f"Known: {', '.join(_OPTIONS)}.")
        for name in sorted(set(options) - set(_OPTIONS))
    ]
    faults += _types_faults(options.get("types", {}))
    if not isinstance(options.get("target", ""), str) or len(options.get("target", "")) > 200:
        faults.append(_fault("options.target", "must be the name of a column", "Send a text."))
    if options.get("task", "") not in ("", *TASKS):
        faults.append(_fault("options.task", "is no task", f"Choose one of {', '.join(TASKS)}."))
    faults += _missing_faults(options.get("missing", []))
    faults += _roles_faults(options.get("roles", {}))
    if faults:
        raise Problem("yours:invalid", "The options are not valid.", errors=faults)
    return dict(options)


def _types_faults(types: Any) -> list[dict[str, str]]:
    if not isinstance(types, dict) or len(types) > TABLE_COLUMNS:
        return [_fault("options.types", "must be {column: type}", f"Types: {', '.join(TYPES)}.")]
    return [
        _fault(f"options.types.{column}"[:200], "is no type", f"Choose one of {', '.join(TYPES)}.")
        for column, kind in types.items()
        if kind not in TYPES
    ]


def _roles_faults(roles: Any) -> list[dict[str, str]]:
    """Whether the columns exist is found out when the file is read."""
    names = [name for name in roles.values() if isinstance(name, str)] if isinstance(roles, dict) else []
    if isinstance(roles, dict) and len(names) < len(roles):
        return [_fault("options.roles", "must name columns", 'For example {"user": "customer", "item": "product"}.')]
    known = f"Roles: {', '.join(ROLES)}."
    return [_fault("options.roles", problem, known) for problem in misfits(roles, names)]


def _missing_faults(words: Any) -> list[dict[str, str]]:
    is_list = isinstance(words, list) and len(words) <= _MISSING_WORDS
    if is_list and all(isinstance(word, str) and len(word) <= 100 for word in words):
        return []
    return [_fault("options.missing", f"must be up to {_MISSING_WORDS} short texts", 'For example ["", "NA", "-"].')]


def _fault(location: str, message: str, fix: str) -> dict[str, str]:
    return {"location": location, "message": message, "fix": fix}
