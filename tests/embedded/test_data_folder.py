"""The data folder has one master, and its secrets are made once and for its owner only."""

import multiprocessing
from pathlib import Path

import pytest

from embedded.data_folder import FolderInUse, exclusive, generated_secret
from embedded.ports import PortTaken, free_port, require_free


def test_a_second_supervisor_is_refused_the_folder(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(FolderInUse, match="MODELYARD_DATA"), exclusive(tmp_path):
        pass


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive(tmp_path):
            pass


def test_processes_that_ask_at_once_get_the_same_secret(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        answers = pool.starmap(generated_secret, [("SECRET_KEY", tmp_path)] * 6)
    assert len(set(answers)) == 1
    assert len(answers[0]) >= 40


def test_only_the_owner_may_read_the_secrets(tmp_path: Path) -> None:
    generated_secret("SECRET_KEY", tmp_path)
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_port_in_use_is_named_with_its_variable() -> None:
    import socket

    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(PortTaken, match=f"port {port} is in use.*WEB_PORT"):
            require_free("127.0.0.1", port, "WEB_PORT")
