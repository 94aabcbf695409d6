"""`platform/` stays a source root: nothing in it may hide the standard library's `platform` from any process."""

import ast
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("platform", "apps", "workers", "scripts")
PATHS = {"PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"}


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=os.environ | PATHS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_platform_holds_packages_and_no_module_of_its_own() -> None:
    assert list((ROOT / "platform").glob("*.py")) == []
    assert {path.name for path in (ROOT / "platform").iterdir() if path.name != "__pycache__"} == {
        "contracts",
        "embedded",
        "modelyard",
        "modelyard_client",
    }


def test_pytest_sees_the_standard_librarys_platform() -> None:
    assert "site-packages" not in str(platform.__file__)
    assert not str(platform.__file__).startswith(str(ROOT / "platform"))
    assert platform.system() == "Linux"


def test_manage_py_sees_the_standard_librarys_platform() -> None:
    assert run("manage.py", "shell", "-v", "0", "-c", "import platform; print(platform.system())").strip() == "Linux"


def test_celery_sees_the_standard_librarys_platform() -> None:
    assert "Linux" in run("-m", "celery", "-A", "modelyard", "report")


def test_uvicorn_sees_the_standard_librarys_platform() -> None:
    assert "Linux" in run("-m", "uvicorn", "--version")


def test_the_web_servers_configuration_and_application_load() -> None:
    run("-m", "gunicorn", "--check-config", "--config", "python:modelyard.web_server", "modelyard.asgi:application")


def _modules() -> list[Path]:
    found = [path for folder in CODE for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts]
    return sorted(path for path in found if path.read_text().strip())


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_opens_with_a_sentence(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    first_paragraph = docstring.split("\n\n")[0].strip()
    assert len(first_paragraph) > 15, "say in one sentence what the module is for"
