"""`manage.py up` and `manage.py demo` as a person types them."""

import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from embedded.data_folder import exclusive
from tests.journeys.story import ROOT, Story, command, environment


def run(verb: str, *, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(verb), cwd=ROOT, env=env, capture_output=True, text=True, timeout=100, check=False)


def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("up", env=environment(tmp_path, WEB_PORT=str(port)))
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert "set WEB_PORT to another port" in done.stderr
    assert not (tmp_path / "valkey").exists()


def test_a_port_that_is_no_port_is_refused(tmp_path: Path) -> None:
    done = run("up", env=environment(tmp_path, SERVE_PORT="http"))
    assert done.returncode == 1
    assert "SERVE_PORT='http': expected a port" in done.stderr


def test_a_second_platform_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        done = run("up", env=environment(tmp_path))
    assert done.returncode == 1
    assert "in use by another Modelyard" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestStory:
    """On one folder: `demo --once`, then `demo` that is killed, then `up` until Ctrl-C."""

    def test_the_demo_tells_its_story_and_ends_by_itself(self, story: Story) -> None:
        assert story.first.returncode == 0, story.first.stdout + story.first.stderr
        for step in ("upload:", "checked:", "trained:", "deploy:", "predict:", "charged:", "invoice preview", "log in"):
            assert step in story.first.stdout, story.first.stdout

    def test_a_second_time_it_is_quick_and_makes_no_duplicates(self, story: Story) -> None:
        assert story.killed.printed.count("is there already") == 3
        took = re.search(r"the story took (\d+) s", story.killed.printed)
        assert took is not None
        assert int(took[1]) < 30

    def test_the_death_of_the_supervisor_stops_everything(self, story: Story) -> None:
        assert story.killed.children >= 8
        assert story.killed.returncode == -signal.SIGKILL
        assert story.killed.alive == []
        assert story.killed.notes_are_left

    def test_it_starts_again_after_that_and_ctrl_c_stops_everything(self, story: Story) -> None:
        assert story.interrupted.children >= 8
        assert story.interrupted.returncode == 0
        assert story.interrupted.alive == []
        assert not story.interrupted.notes_are_left
