"""docker-compose.yml cannot run here, so it is read: its commands are the supervisor's, its parts fit together."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.platform_processes import CONTROL_SECRETS, PROCESSES

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NODES = ("train", "train-gpu", "batch", "serve", "serve-gpu")


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_service_runs_the_command_that_the_supervisor_runs(process: Any) -> None:
    assert SERVICES[process.name]["command"] == process.command


def test_the_gpu_services_differ_only_in_their_queue_and_image() -> None:
    assert SERVICES["train-gpu"]["command"] == SERVICES["train"]["command"].replace("train.cpu", "train.gpu")
    assert SERVICES["serve-gpu"]["command"] == SERVICES["serve"]["command"]
    for name in ("train-gpu", "serve-gpu"):
        assert SERVICES[name]["profiles"] == ["gpu"]
        assert SERVICES[name]["build"]["args"] == {"ACCELERATOR": "gpu"}


@pytest.mark.parametrize("name", NODES)
def test_a_node_holds_no_secret_of_the_control_plane(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert set(environment) & set(CONTROL_SECRETS) == set()
    assert environment["NODE_TOKEN_FILE"] == f"/tokens/{name}"
    assert "node-tokens:/tokens:ro" in SERVICES[name]["volumes"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_long_running_service_has_a_health_check(name: str) -> None:
    if SERVICES[name].get("restart") == "on-failure":  # runs once
        assert name in ("bucket", "prepare")
    else:
        assert SERVICES[name]["healthcheck"]["test"]


def test_every_volume_is_declared_and_used() -> None:
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith((".", "/"))
    }
    assert used == set(COMPOSE["volumes"])


def test_every_service_waits_for_services_that_exist() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_every_variable_without_a_default_is_in_the_example_environment() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "docker-compose.yml").read_text()))
    offered = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert asked <= offered


def test_images_are_pinned_and_every_built_image_has_its_file() -> None:
    for name, service in SERVICES.items():
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file(), name
        else:
            assert re.search(r":[\w.-]*\d", service["image"]), f"{name}: pin the image"
            assert not service["image"].endswith(":latest")


def test_the_image_of_the_data_plane_never_installs_torch() -> None:
    assert "[train" not in (ROOT / "docker" / "Dockerfile.serve").read_text()
    assert "torch" not in (ROOT / "docker" / "serve-requirements.txt").read_text()


@pytest.mark.parametrize("kind", ["web", "train", "serve"])
def test_an_image_starts_by_default_what_compose_starts(kind: str) -> None:
    text = (ROOT / "docker" / f"Dockerfile.{kind}").read_text().replace("\\\n", "")
    words = re.findall(r'"([^"]+)"', text[text.rindex("CMD") :])
    assert " ".join(words) == SERVICES[kind]["command"]
