"""Takes back, by events of their own, the usage that no credit was left for: delivered, flagged, not charged."""

import logging
from collections.abc import Mapping, Sequence

from apps.metering.services.insert_events import EventRow, insert_events
from contracts.usage import METER_OVERAGE

log = logging.getLogger(__name__)


def write_overage(events: Sequence[EventRow], overage: Mapping[str, int]) -> None:
    """Add one event of -micros for each record id in `overage`, so that usage stays equal to revenue."""
    if not overage:
        return
    log.error("usage beyond its credit, not charged: %s micros in %s records", sum(overage.values()), len(overage))
    by_id = {event.id: event for event in events}
    insert_events(
        EventRow(
            id=f"ovr:{record_id}",
            organisation_id=source.organisation_id,
            meter=METER_OVERAGE,
            endpoint=source.endpoint,
            key=source.key,
            model_version=source.model_version,
            run=source.run,
            units=micros,
            price="",
            amount_micros=-micros,
            currency=source.currency,
            occurred_at=source.occurred_at,
            period=source.period,
            late=source.late,
            ledger_ref=source.ledger_ref,
            node=source.node,
        )
        for record_id, micros in overage.items()
        for source in [by_id[record_id]]
    )
