"""Usage, credit, budgets and invoices. Amounts are whole micro-units of the organisation's currency."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from modelyard_client.answers import Budget, Credits, Invoice, Usage
from modelyard_client.calls import filled
from modelyard_client.shaping import shaped
from modelyard_client.transport import Transport


class UsageOf:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def summary(self, *, start: str = "", end: str = "", group_by: Sequence[str] = ("day",)) -> Usage:
        """Units and amounts by meter and group (day, endpoint, key, model_version, run); this month, if not told."""
        asked = {"from": start, "to": end, "group_by": ",".join(group_by)}
        return shaped(Usage, self._transport.get("/usage", **asked))

    def get(self, usage_id: str) -> dict[str, Any]:
        """The usage event of one prediction (`Predictions.usage.id`); it arrives within seconds of the answer."""
        return dict(self._transport.get(f"/usage/{usage_id}"))

    def events(self, *, cursor: str = "", since: str = "") -> Iterator[dict[str, Any]]:
        """Yield every settled usage event as a CloudEvent, in the order of recording."""
        has_more = True
        while has_more:
            page = self._transport.get("/usage-events", cursor=cursor, since=since)
            yield from page["data"]
            cursor, has_more = page["next_cursor"] or "", page["has_more"]


class Budgets:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Iterator[Budget]:
        return self._transport.pages("/budgets", Budget)

    def get(self, budget_id: str) -> Budget:
        return shaped(Budget, self._transport.get(f"/budgets/{budget_id}"))

    def create(
        self,
        name: str,
        limit_micros: int,
        *,
        scope: str = "organisation",
        scope_id: str = "",
        period: str = "month",
        is_hard: bool = True,
    ) -> Budget:
        """`scope` is organisation, endpoint or key. A hard budget cannot be overspent; a soft one warns."""
        body = {"name": name, "limit_micros": limit_micros, "scope": scope, "scope_id": scope_id}
        return shaped(Budget, self._transport.post("/budgets", body | {"period": period, "is_hard": is_hard}))

    def change(self, budget_id: str, *, name: str | None = None, limit_micros: int | None = None) -> Budget:
        body = filled(name=name, limit_micros=limit_micros)
        return shaped(Budget, self._transport.patch(f"/budgets/{budget_id}", body))

    def delete(self, budget_id: str) -> None:
        self._transport.delete(f"/budgets/{budget_id}")


class Invoices:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Iterator[Invoice]:
        """The closed months, newest first."""
        return self._transport.pages("/invoices", Invoice)

    def get(self, invoice_id: str) -> Invoice:
        return shaped(Invoice, self._transport.get(f"/invoices/{invoice_id}"))

    def draft(self) -> Invoice:
        """The present month, as it would be billed now."""
        return self.get("draft")

    def download_pdf(self, invoice_id: str, target: Path | str) -> Path:
        return self._transport.download(f"/invoices/{invoice_id}/pdf", Path(target))

    def download_usage(self, invoice_id: str, target: Path | str) -> Path:
        """Write the signed usage file, from which every line can be recomputed."""
        return self._transport.download(f"/invoices/{invoice_id}/usage.jsonl", Path(target))


class CreditOf:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> Credits:
        return shaped(Credits, self._transport.get("/credits"))
