"""Lint, format, types, migrations and the deployment checks hold on every commit."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATHS = {"PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"}
PRODUCTION = {
    "SECRET_KEY": "b2f7c1e09d5a4f83a6c4d1e2f3b4a5968778695a4b3c2d1e0f",
    "KEY_PEPPER": "0123456789abcdef0123456789abcdef0123456789",
    "USAGE_SIGNING_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY",
    "PUBLIC_URL": "https://modelyard.example.com",
    "SERVE_PUBLIC_URL": "https://predict.example.com",
    "BEHIND_PROXY": "true",
    "STRIPE_SECRET_KEY": "sk_live_example",
    "STRIPE_WEBHOOK_SECRET": "whsec_example",
    "STRIPE_API_BASE": "https://api.stripe.com",
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "EMAIL_HOST": "smtp.example.com",
    "STORAGE_URL": "s3://modelyard",
}


def run(*command: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | PATHS | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


def tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def test_ruff_has_nothing_to_say() -> None:
    run(tool("ruff"), "check", "--output-format", "concise", "--no-cache", ".")


def test_the_code_is_formatted() -> None:
    run(tool("ruff"), "format", "--check", "--no-cache", ".")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_types_fit(type_checker: tuple[subprocess.Popen[str], IO[str]]) -> None:
    checker, output = type_checker
    status = checker.wait()
    output.seek(0)
    assert status == 0, output.read()[-6000:]


def test_no_model_changed_without_a_migration() -> None:
    run(sys.executable, "manage.py", "makemigrations", "--check", "--dry-run")


def test_a_production_environment_passes_the_deployment_checks() -> None:
    run(sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING", environment=PRODUCTION)


def test_a_production_environment_without_its_secrets_does_not_pass() -> None:
    with pytest.raises(AssertionError, match=r"modelyard\.W"):
        run(
            sys.executable,
            *("manage.py", "check", "--deploy", "--fail-level", "WARNING"),
            environment=PRODUCTION | {"SECRET_KEY": "", "STRIPE_SECRET_KEY": ""},
        )
