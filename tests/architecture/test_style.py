"""Lint, format, types, migrations and the deployment checks hold on every commit."""

from subprocess import CompletedProcess

import pytest

Verdict = CompletedProcess[str]


def passes(verdict: Verdict) -> None:
    assert verdict.returncode == 0, (verdict.stdout + verdict.stderr)[-6000:]


def test_ruff_has_nothing_to_say(verdict: Verdict) -> None:
    passes(verdict)


def test_the_code_is_formatted(verdict: Verdict) -> None:
    passes(verdict)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_types_fit(verdict: Verdict) -> None:
    passes(verdict)


def test_no_model_changed_without_a_migration(verdict: Verdict) -> None:
    passes(verdict)


def test_a_production_environment_passes_the_deployment_checks(verdict: Verdict) -> None:
    passes(verdict)


def test_a_production_environment_without_its_secrets_does_not_pass(verdict: Verdict) -> None:
    with pytest.raises(AssertionError, match=r"modelyard\.W"):
        passes(verdict)
