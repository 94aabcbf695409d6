"""Writes docs/errors/: one page per failure code, from the catalogue in contracts/failures.py."""

import sys
from pathlib import Path

from contracts.failures import FAILURES, Failure

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "errors"


def file_name(code: str) -> str:
    """`yours:file-empty` -> `yours-file-empty.md`: a colon is no good in file names."""
    return code.replace(":", "-") + ".md"


def page(failure: Failure) -> str:
    """The page of one code."""
    turn = (
        "Ours: something failed on our side. It is retried or credited, and the operators are told."
        if failure.is_ours
        else "Yours: nothing was charged for the refused request, and trying again unchanged gives the same answer."
    )
    return f"# `{failure.code}`\n\n**{failure.title}.**\n\nWhat to do: {failure.fix}\n\nWhose turn it is: {turn}\n"


def index() -> str:
    """The list of all codes."""
    rows = [f"| [`{one.code}`]({file_name(one.code)}) | {one.title} |" for one in FAILURES.values()]
    return "# Error codes\n\nWritten by `make error-pages`.\n\n| code | meaning |\n|---|---|\n" + "\n".join(rows) + "\n"


def pages() -> dict[str, str]:
    """File name -> content, for the whole folder."""
    return {"README.md": index()} | {file_name(code): page(failure) for code, failure in FAILURES.items()}


def main() -> int:
    """Write every page and remove those of codes that are gone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for name, content in wanted.items():
        (FOLDER / name).write_text(content)
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
