"""The programs that judge the whole tree, by the name of the test that asks for their verdict; the quick ones first."""

import os
import sys
from pathlib import Path
from subprocess import CompletedProcess

from tests.beside import Beside

ROOT = Path(__file__).resolve().parents[2]
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
WITHOUT_SECRETS = PRODUCTION | {"SECRET_KEY": "", "STRIPE_SECRET_KEY": ""}
DEPLOYMENT = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")

Checker = tuple[tuple[str, ...], dict[str, str]]  # command, more environment


def _tool(name: str, *arguments: str) -> Checker:
    return (str(Path(sys.executable).with_name(name)), *arguments), {}


CHECKERS: dict[str, Checker] = {
    "test_ruff_has_nothing_to_say": _tool("ruff", "check", "--output-format", "concise", "--no-cache", "."),
    "test_the_code_is_formatted": _tool("ruff", "format", "--check", "--no-cache", "."),
    "test_the_import_contracts_are_kept": _tool("lint-imports", "--no-cache"),
    "test_no_model_changed_without_a_migration": (
        (sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"),
        {},
    ),
    "test_a_production_environment_passes_the_deployment_checks": ((sys.executable, *DEPLOYMENT), PRODUCTION),
    "test_a_production_environment_without_its_secrets_does_not_pass": (
        (sys.executable, *DEPLOYMENT),
        WITHOUT_SECRETS,
    ),
    "test_the_types_fit": _tool("mypy"),
}


def check(name: str, beside: Beside) -> "CompletedProcess[str]":
    """Run a checker on the whole tree."""
    command, more = CHECKERS[name]
    paths = {"PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"}
    return beside.run(list(command), cwd=ROOT, env=beside.environment | paths | more)
