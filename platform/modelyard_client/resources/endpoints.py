"""Endpoints: names that answer; what serves behind them, and what they did."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard_client.answers import Endpoint
from modelyard_client.calls import filled
from modelyard_client.errors import Refused
from modelyard_client.shaping import shaped
from modelyard_client.transport import Transport
from modelyard_client.waiting import wait_until

Limits = Sequence[Mapping[str, Any]]


class Endpoints:
    """Every endpoint may be called by its id or its name."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Iterator[Endpoint]:
        return self._transport.pages("/endpoints", Endpoint)

    def get(self, endpoint: str) -> Endpoint:
        return shaped(Endpoint, self._transport.get(f"/endpoints/{endpoint}"))

    def create(
        self,
        name: str,
        model_version: str,
        *,
        latency_class: str | None = None,
        limits: Limits | None = None,
        force: bool = False,
        wait: bool = True,
        timeout_s: float = 120.0,
    ) -> Endpoint:
        """Give a model version a name; with `wait`, return once a server answers for it. `force` passes the gate."""
        body = filled(name=name, model_version=model_version, latency_class=latency_class, limits=limits, force=force)
        made = shaped(Endpoint, self._transport.post("/endpoints", body))
        return self.wait(made.id, timeout_s=timeout_s) if wait else made

    def change(
        self,
        endpoint: str,
        *,
        deployments: Sequence[Mapping[str, Any]] | None = None,
        limits: Limits | None = None,
        paused: bool | None = None,
        slo_ms: float | None = None,
        sticky: str | None = None,
        guard: Mapping[str, Any] | None = None,
        force: bool | None = None,
    ) -> Endpoint:
        """Change what is given and leave the rest (docs/api/rollouts.md)."""
        body = filled(
            deployments=deployments,
            limits=limits,
            paused=paused,
            slo_ms=slo_ms,
            sticky=sticky,
            guard=guard,
            force=force,
        )
        return shaped(Endpoint, self._transport.patch(f"/endpoints/{endpoint}", body))

    def set_weights(self, endpoint: str, weights: Mapping[str, int], *, force: bool | None = None) -> Endpoint:
        """Share the traffic: {model version: whole per cent}, 100 in all. Shadows stay as they are."""
        shadows = [one for one in self.get(endpoint).deployments if one.shadow and one.model_version not in weights]
        kept = [{"model_version": one.model_version, "weight": one.weight, "shadow": True} for one in shadows]
        asked = [{"model_version": version, "weight": weight} for version, weight in weights.items()]
        return self.change(endpoint, deployments=asked + kept, force=force)

    def rollback(self, endpoint: str) -> Endpoint:
        """Deploy again what served before the present version."""
        return shaped(Endpoint, self._transport.post(f"/endpoints/{endpoint}/rollback"))

    def delete(self, endpoint: str) -> None:
        self._transport.delete(f"/endpoints/{endpoint}")

    def analytics(self, endpoint: str, *, start: str = "", end: str = "", step: str = "") -> dict[str, Any]:
        """Requests, times and cost as docs/api/rollouts.md shows them; the last hour, if no times are given."""
        answer = self._transport.get(f"/endpoints/{endpoint}/analytics", **{"from": start, "to": end, "step": step})
        return dict(answer)

    def wait(self, endpoint: str, *, timeout_s: float = 120.0) -> Endpoint:
        """Return the endpoint once it is ready; raise Refused when it failed."""
        seen = wait_until(
            lambda: self.get(endpoint),
            lambda one: one.state in ("ready", "failed", "paused"),
            timeout_s=timeout_s,
            what=f"the endpoint {endpoint}",
        )
        if seen.state == "failed":
            raise Refused("endpoint:failed", seen.state_detail or f"The endpoint {endpoint} failed.")
        return seen
