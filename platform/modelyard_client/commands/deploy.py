"""Make a model version answer under a name, wholly or with a share of the traffic."""

from argparse import ArgumentParser, Namespace

from modelyard_client.answers import Endpoint
from modelyard_client.client import Client
from modelyard_client.commands.connect import client_of
from modelyard_client.commands.screen import Screen
from modelyard_client.errors import Conflict, NotFound


def add(parser: ArgumentParser) -> None:
    parser.add_argument("model_version", help="ver_…")
    parser.add_argument("name", help="the endpoint; it is made where there is none")
    parser.add_argument("--weight", type=int, default=100, help="per cent of the traffic (default 100)")
    parser.add_argument("--latency-class", choices=["realtime", "batch"])
    parser.add_argument("--force", action="store_true", help="deploy even if the evidence does not pass the gate")


def run(asked: Namespace, screen: Screen) -> None:
    with client_of(asked) as client:
        made = deployed(
            client,
            asked.name,
            asked.model_version,
            weight=asked.weight,
            latency_class=asked.latency_class,
            force=asked.force,
        )
    screen.show(made.raw, f"{made.name} is {made.state} at {made.url}")


def deployed(
    client: Client,
    name: str,
    model_version: str,
    *,
    weight: int = 100,
    latency_class: str | None = None,
    force: bool = False,
) -> Endpoint:
    """Return the endpoint once it answers: a new one, or the one there with the version at `weight` per cent."""
    try:
        present = client.endpoints.get(name)
    except NotFound:
        return client.endpoints.create(name, model_version, latency_class=latency_class, force=force)
    client.endpoints.set_weights(present.id, shares(present, model_version, weight), force=force or None)
    return client.endpoints.wait(present.id)


def shares(endpoint: Endpoint, model_version: str, weight: int) -> dict[str, int]:
    """The newcomer gets `weight` per cent; the others share the rest as before, in whole per cents."""
    others = {d.model_version: d.weight for d in endpoint.deployments if not d.shadow and d.weight > 0}
    others.pop(model_version, None)
    if weight >= 100 or not others:
        if weight < 100:
            raise Conflict("client:no-rest", "There is no other version to take the rest.", fix="Leave out --weight.")
        return {model_version: 100}
    left, whole = 100 - weight, sum(others.values())
    kept = {version: share * left // whole for version, share in others.items()}
    largest = max(others, key=lambda version: others[version])
    kept[largest] += left - sum(kept.values())
    return {version: share for version, share in kept.items() if share} | {model_version: weight}
