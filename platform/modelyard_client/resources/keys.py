"""API keys: make, list and revoke them. Needs a key with the scope `admin`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard_client.answers import Key
from modelyard_client.calls import filled
from modelyard_client.shaping import shaped
from modelyard_client.transport import Transport


class Keys:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Iterator[Key]:
        return self._transport.pages("/keys", Key)

    def get(self, key_id: str) -> Key:
        return shaped(Key, self._transport.get(f"/keys/{key_id}"))

    def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        mode: str | None = None,
        endpoints: Sequence[str] | None = None,
        limits: Sequence[Mapping[str, Any]] | None = None,
        budget_micros: int | None = None,
        expires_at: str | None = None,
    ) -> Key:
        """Return the key with its `secret`, which is told only now. The data plane knows it within seconds."""
        body = filled(
            name=name,
            scopes=list(scopes),
            mode=mode,
            endpoints=endpoints,
            limits=limits,
            budget_micros=budget_micros,
            expires_at=expires_at,
        )
        return shaped(Key, self._transport.post("/keys", body))

    def revoke(self, key_id: str) -> None:
        self._transport.delete(f"/keys/{key_id}")
