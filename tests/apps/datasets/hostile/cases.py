"""The list of hostile and odd files: each names what must come out of its check."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

READY = "ready"
Maker = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    name: str
    file_name: str
    make: Maker
    expected: str  # "ready" or the code of the refusal
    notice: str = ""  # a code that must be among the issues
    place: str = ""  # text that must be in the first issue's location


def case(name: str, file_name: str, expected: str, *, notice: str = "", place: str = "") -> Callable[[Maker], Maker]:
    """Register the function that writes the file."""

    def register(make: Maker) -> Maker:
        CASES.append(Case(name, file_name, make, expected, notice, place))
        return make

    return register


def case_of(name: str, file_name: str, expected: str, make: Maker, *, notice: str = "", place: str = "") -> None:
    CASES.append(Case(name, file_name, make, expected, notice, place))


CASES: list[Case] = []
