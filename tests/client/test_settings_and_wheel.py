"""Where the key comes from and where it never goes; and that the package stands alone."""

import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from modelyard_client import Client, ModelyardError
from modelyard_client.settings import Settings, config_path, find_settings, write_config

PACKAGE = Path(__file__).resolve().parents[2] / "platform" / "modelyard_client"


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("MODELYARD_API_KEY", "MODELYARD_URL", "MODELYARD_DATA_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_stored_key_is_for_its_owner_and_its_address_alone():
    write_config(Settings("my_live_secret", "https://ours.example"))
    assert stat.S_IMODE(config_path().stat().st_mode) == 0o600
    assert find_settings().api_key == "my_live_secret"
    assert find_settings(url="https://ours.example/").api_key == "my_live_secret"
    with pytest.raises(ModelyardError, match="client:no-key"):
        find_settings(url="https://other.example")


def test_an_address_without_its_scheme_is_told():
    with pytest.raises(ModelyardError, match="client:address"):
        find_settings("k", "localhost:8000")


def test_arguments_come_before_the_environment_and_that_before_the_file(monkeypatch):
    write_config(Settings("stored", "http://a.example", "http://data.example"))
    assert find_settings() == Settings("stored", "http://a.example", "http://data.example")
    monkeypatch.setenv("MODELYARD_API_KEY", "from environment")
    assert find_settings().api_key == "from environment"
    assert find_settings("given").api_key == "given"


def test_without_a_key_nothing_is_sent():
    with pytest.raises(ModelyardError, match="client:no-key"):
        Client()


def test_the_wheel_has_all_it_needs_and_knows_nothing_of_the_platform(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")],
        cwd=PACKAGE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(tmp_path / "alone")
    assert (tmp_path / "alone" / "modelyard_client" / "py.typed").exists()
    script = (
        f"import sys, json; sys.path.insert(0, {str(tmp_path / 'alone')!r}); import modelyard_client;"
        "print(modelyard_client.__file__); print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    place, loaded = done.stdout.splitlines()
    assert place.startswith(str(tmp_path))
    assert set(json.loads(loaded)) & {"django", "apps", "workers", "contracts", "modelyard"} == set()
