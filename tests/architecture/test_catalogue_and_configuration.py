"""Every failure code has its page, every variable its line in the manual, and no path of one machine is in the code."""

import ast
import importlib.util
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SET_BY_US = {"SERVE_CHILD"}  # a process tells its own children
READERS = ("text", "words", "flag", "integer", "secret")
# Written in two parts so that this list does not find itself.
MACHINE_PATHS = ("/" + "work/", "/" + "root/", "/" + "home/", "/" + "Users/", "/opt/" + "pypi", "pypi" + ".org/simple")


def test_every_failure_code_has_its_page_and_every_page_its_code() -> None:
    spec = importlib.util.spec_from_file_location("error_pages", ROOT / "scripts" / "error_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = {path.name: path.read_text() for path in (ROOT / "docs" / "errors").glob("*.md")}
    assert written == module.pages(), "run `make error-pages`"


def _variables_of_the_control_plane() -> set[str]:
    names = set()
    for path in (ROOT / "platform" / "modelyard").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in READERS and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    names.add(first.value)
    return names


def _variables_of_the_workers() -> set[str]:
    pattern = re.compile(r"""["']((?:SERVE|TRAIN|BATCH|NODE|CONTROL|WORKER|REDIS|EXPORT)_[A-Z0-9_]+)["']""")
    found = {name for path in (ROOT / "workers").rglob("*.py") for name in pattern.findall(path.read_text())}
    return {name.removesuffix("_FILE") for name in found} - SET_BY_US


def test_every_environment_variable_is_in_the_manual() -> None:
    manual = (ROOT / "docs" / "operations" / "configuration.md").read_text()
    documented = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", manual))
    missing = (_variables_of_the_control_plane() | _variables_of_the_workers()) - documented
    assert missing == set()


def test_no_file_names_a_path_of_one_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if not path.is_file() or name.startswith("static/vendor/"):
            continue
        text = path.read_bytes().decode(errors="ignore")
        found += [f"{name}: {part}" for part in MACHINE_PATHS if part in text]
    assert found == []
