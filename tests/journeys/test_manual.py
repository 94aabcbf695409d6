"""The manual's code blocks marked `run` really run, page by page, against the whole running platform.

By default the quick start and the tutorial for tables, with a smaller budget than the page's; TUTORIALS=all runs each
as it is written.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from apps.web.docs.catalogue import FOLDER, files
from tests.stack import RunningStack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = FOLDER.parent
BLOCK = re.compile(r"^```(python|sh) run\n(.*?)^```", re.MULTILINE | re.DOTALL)
IS_COMPLETE = os.environ.get("TUTORIALS") == "all"
USUAL = ("", "tasks/tables")
MARKED = sorted(slug for slug, path in files().items() if BLOCK.search(path.read_text()))


@pytest.fixture
def place(stack: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the examples and the `modelyard` command, and a customer's environment."""
    account = stack.bootstrap("Reader of the manual", "reader@example.com", credit_micros=50_000_000)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    command = tmp_path / "bin" / "modelyard"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m modelyard_client "$@"\n')
    command.chmod(0o755)
    environment = {
        "MODELYARD_URL": stack.web_url,
        "MODELYARD_DATA_URL": stack.serve_url,
        "MODELYARD_API_KEY": account.api_key,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PYTHONPATH": str(ROOT / "platform"),
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_the_pages_that_can_be_run_are_known():
    assert set(USUAL) < set(MARKED)
    assert {f"tasks/{one}" for one in ("images", "texts", "recommendation", "forecasting")} < set(MARKED)


@pytest.mark.parametrize("slug", MARKED if IS_COMPLETE else USUAL)
def test_the_code_of_a_page_runs(slug: str, place: Path):
    """Python blocks of a page share their names, as a reader's session does."""
    for program in _programs(files()[slug].read_text()):
        done = subprocess.run(program, cwd=place, capture_output=True, text=True, check=False, timeout=250)
        assert done.returncode == 0, f"{program[-1]}\n{done.stdout}\n{done.stderr}"
        print(done.stdout)


def _programs(text: str) -> list[list[str]]:
    """Commands in the page's order; neighbouring Python blocks are one program."""
    found: list[list[str]] = []
    for language, code in BLOCK.findall(text if IS_COMPLETE else _hurried(text)):
        if language == "sh":
            found.append(["sh", "-euc", code])
        elif found and found[-1][0] == sys.executable:
            found[-1][-1] += code
        else:
            found.append([sys.executable, "-c", code])
    return found


def _hurried(text: str) -> str:
    """The same words with one quick family and the smallest budget."""
    text, shell = re.subn(r"--budget \d+", "--budget 10 --families linear", text)
    text, python = re.subn(r"budget_seconds=\d+", 'budget_seconds=10, families=["linear"]', text)
    assert shell + python == 1
    return text
