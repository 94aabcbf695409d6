"""The environment is read strictly: what is not understood is refused, and secrets may lie in files."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from modelyard import env


def test_an_unknown_flag_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "maybe")
    with pytest.raises(ImproperlyConfigured, match="expected true or false"):
        env.flag("DEBUG")


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("off", False), ("Yes", True), ("", False)])
def test_flags_read_the_usual_words(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("DEBUG", value)
    assert env.flag("DEBUG", default=not expected) is expected


@pytest.mark.parametrize("value", ["many", "0", "1.5", "70000"])
def test_a_number_out_of_bounds_or_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WEB_PORT", value)
    with pytest.raises(ImproperlyConfigured, match="WEB_PORT"):
        env.integer("WEB_PORT", 8000, minimum=1, maximum=65535)


def test_a_secret_is_read_from_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    monkeypatch.delenv("STRIPE_SECRET_KEY", raising=False)
    monkeypatch.setenv("STRIPE_SECRET_KEY_FILE", str(tmp_path / "key"))
    assert env.secret("STRIPE_SECRET_KEY") == "s3cret"


def test_a_secret_named_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a")
    monkeypatch.setenv("SECRET_KEY", "b")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(ImproperlyConfigured, match="not both"):
        env.secret("SECRET_KEY")


def test_a_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("SECRET_KEY_FILE", "/nowhere/key")
    with pytest.raises(ImproperlyConfigured, match="/nowhere/key"):
        env.secret("SECRET_KEY")
