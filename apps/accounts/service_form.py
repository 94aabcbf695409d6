"""A form whose last word is a service: what the service refuses is shown beside the fields it is about."""

from collections.abc import Callable
from typing import TypeVar

from django import forms

from contracts.problems import Problem

T = TypeVar("T")


class ServiceForm(forms.Form):
    """`form.submit(call)` returns the service's result, or None with the reasons in `form.errors`."""

    def submit(self, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except Problem as problem:
            if problem.status in (403, 404) or problem.failure.is_ours:
                raise
            self.show(problem)
            return None

    def show(self, problem: Problem) -> None:
        placed = False
        for error in problem.errors:
            field, _, rest = str(error.get("location", "")).partition(".")
            field = field.split("[")[0]
            is_ours = field in self.fields
            sentence = _sentence(rest if is_ours else "", str(error.get("message", "")), str(error.get("fix", "")))
            self.add_error(field if is_ours else None, sentence)
            placed = True
        if not placed:
            self.add_error(None, f"{problem.failure.title}. {problem.detail}")


def _sentence(place: str, message: str, fix: str) -> str:
    """`postcode: is no type` and `choose one of …` as two sentences."""
    parts = [f"{part[:1].upper()}{part[1:].rstrip('.')}." for part in (message, fix) if part]
    return " ".join([f"{place}:", *parts] if place else parts)
