"""Take down what a serve node says about its endpoints, and move them from starting to ready or failed."""

from typing import Any

from django.db import transaction

from apps.compute.models import Node
from apps.endpoints.models import Endpoint, ServingReport


def record_serving_status(node: Node, *, boot: str, revision: int, endpoints: list[dict[str, Any]]) -> None:
    """`endpoints`: [{"id", "state", "error", "model_sha256", "providers"}]. Ids deleted meanwhile are ignored."""
    known = set(Endpoint.objects.filter(id__in=[item.get("id") for item in endpoints]).values_list("id", flat=True))
    rows = [
        ServingReport(
            node=node,
            endpoint_id=item["id"],
            boot=boot,
            revision=revision,
            state=str(item.get("state", ""))[:10],
            error=str(item.get("error") or "")[:500],
            model_sha256=str(item.get("model_sha256") or "")[:64],
            providers=item.get("providers") or [],
        )
        for item in endpoints
        if item.get("id") in known
    ]
    with transaction.atomic():
        ServingReport.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["node", "endpoint"],
            update_fields=["boot", "revision", "state", "error", "model_sha256", "providers", "reported_at"],
        )
        ready = [row.endpoint_id for row in rows if row.state == "ready"]
        Endpoint.objects.filter(id__in=ready).exclude(state="ready").update(state="ready", state_detail="")
        for row in rows:
            # One ready node is enough to answer, so a failure shows only where nothing was ready before.
            if row.state == "failed":
                Endpoint.objects.filter(id=row.endpoint_id, state="starting").update(
                    state="failed", state_detail=row.error[:300]
                )
