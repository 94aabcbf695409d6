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
            field = str(error.get("location", "")).split(".")[0].split("[")[0]
            sentence = " ".join(str(error.get(part, "")) for part in ("message", "fix")).strip()
            self.add_error(
                field if field in self.fields else None, f"{sentence[:1].upper()}{sentence[1:]}.".replace("..", ".")
            )
            placed = True
        if not placed:
            self.add_error(None, f"{problem.failure.title}. {problem.detail}")
