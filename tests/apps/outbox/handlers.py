"""Handlers for the outbox tests."""

from typing import Any

from apps.outbox.services.receive import receive_once

seen: list[dict[str, Any]] = []


def note(payload: dict[str, Any]) -> None:
    seen.append(payload)


def fail(payload: dict[str, Any]) -> None:
    raise RuntimeError("told to fail")


def fail_after_effect(payload: dict[str, Any]) -> None:
    receive_once("test", payload["id"], payload)
    raise RuntimeError("told to fail")


def apply(payload: dict[str, Any]) -> None:
    if not receive_once("test", payload["id"], payload):
        raise AssertionError("handled twice")
