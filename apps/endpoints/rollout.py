"""New traffic shares when a version is let in: pure arithmetic on whole percentages that always sum to 100."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Share:
    model_version: str
    weight: int
    shadow: bool = False


def with_version(present: Sequence[Share], version: str, *, weight: int) -> list[dict[str, Any]]:
    """The deployments to ask for when `version` gets `weight` per cent."""
    others = [share for share in present if share.model_version != version]
    live = [share for share in others if not share.shadow]
    kept = [share for share in others if share.shadow]
    if weight >= 100 or not live:
        return [_wire(share) for share in [Share(version, 100), *kept]]
    return [_wire(share) for share in [*_scaled(live, 100 - weight), Share(version, weight), *kept]]


def with_shadow(present: Sequence[Share], version: str, *, weight: int) -> list[dict[str, Any]]:
    """The deployments to ask for when `version` gets copies of `weight` per cent of the requests."""
    others = [share for share in present if not (share.shadow and share.model_version == version)]
    return [_wire(share) for share in [*others, Share(version, weight, True)]]


def without_version(
    version: str, *, present: Sequence[Mapping[str, Any]], earlier: Iterable[Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """The deployments to ask for when `version` is taken out: it keeps weight 0, the others get what they had before.

    `earlier` are former sets, newest first. Empty: there is nothing to go back to.
    """
    mine = [row for row in present if row["model_version"] == version and not row["shadow"]]
    others = [dict(row) for row in present if row["model_version"] != version]
    if not mine:  # only a shadow: the traffic stays as it is
        return others
    out = {"model_version": version, "weight": 0, "shadow": False}
    for rows in earlier:
        if not any(row["model_version"] == version and row["weight"] and not row["shadow"] for row in rows):
            kept = [dict(row) for row in rows if row["model_version"] != version]
            if any(row["weight"] and not row["shadow"] for row in kept):
                return [*kept, out]
    live = [Share(row["model_version"], row["weight"]) for row in others if not row["shadow"] and row["weight"]]
    if not live:
        return []
    return [*map(_wire, _scaled(live, 100)), *[row for row in others if row["shadow"]], out]


def _scaled(shares: Sequence[Share], total: int) -> list[Share]:
    """The same proportions over `total`; what rounding leaves over goes to the largest."""
    before = sum(share.weight for share in shares) or 1
    scaled = [Share(share.model_version, share.weight * total // before) for share in shares]
    if scaled:
        rest = total - sum(share.weight for share in scaled)
        biggest = max(range(len(scaled)), key=lambda place: scaled[place].weight)
        scaled[biggest] = Share(scaled[biggest].model_version, scaled[biggest].weight + rest)
    return [share for share in scaled if share.weight]


def _wire(share: Share) -> dict[str, Any]:
    return {"model_version": share.model_version, "weight": share.weight, "shadow": share.shadow}
