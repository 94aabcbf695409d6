"""Histograms that servers count in and control adds up: logarithmic buckets, and quantiles read back from them.

A value is a whole number: microseconds for times, rows for batches. Values below 32 have a bucket each; above, every
doubling is divided into 16 buckets, so a quantile is right within 3 %.
"""

from collections.abc import Mapping

SUB_BITS = 4
BUCKETS = 400  # the last one holds all above 2**27, two minutes in microseconds


def bucket_of(value: int) -> int:
    """The bucket that counts `value`."""
    if value < 32:
        return value if value > 0 else 0
    shift = value.bit_length() - SUB_BITS - 1
    index = (shift << SUB_BITS) + (value >> shift)
    return index if index < BUCKETS else BUCKETS - 1


def bounds(bucket: int) -> tuple[int, int]:
    """The least value of a bucket and the least value of the next one."""
    if bucket < 32:
        return bucket, bucket + 1
    shift = (bucket >> SUB_BITS) - 1
    least = (bucket - (shift << SUB_BITS)) << shift
    return least, least + (1 << shift)


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """The value below which `share` of the counted values lie, in their unit; None when nothing was counted.

    The middle of its bucket: half a bucket's width away from the truth at the most.
    """
    total = sum(counts.values())
    if not total:
        return None
    rank = share * total
    seen = 0
    for bucket in sorted(counts):
        if seen + counts[bucket] >= rank:
            return sum(bounds(bucket)) / 2 if bucket >= 32 else float(bucket)
        seen += counts[bucket]
    return float(bounds(max(counts))[0])


def share_within(counts: Mapping[int, int], limit: float) -> float | None:
    """The share of counted values that are at most `limit`; the bucket that holds the limit counts in proportion."""
    total = sum(counts.values())
    if not total:
        return None
    within = 0.0
    for bucket, count in counts.items():
        low, high = bounds(bucket)
        if high <= limit:
            within += count
        elif low <= limit:
            within += count * (limit - low) / (high - low)
    return within / total


def mean(counts: Mapping[int, int]) -> float | None:
    total = sum(counts.values())
    if not total:
        return None
    return sum(count * (sum(bounds(bucket)) - 1) / 2 for bucket, count in counts.items()) / total


def add(into: dict[int, int], counts: Mapping[int, int]) -> None:
    """Add `counts` to `into`."""
    for bucket, count in counts.items():
        into[bucket] = into.get(bucket, 0) + count
