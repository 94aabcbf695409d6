"""RateLimit and RateLimit-Policy headers (IETF draft)."""

from math import ceil

from workers.serve.limits import Bucket, Verdict


def policy_header(buckets: tuple[Bucket, ...]) -> bytes:
    """`RateLimit-Policy: "burst";q=100;w=60`: static per route."""
    if not buckets:
        return b""
    policies = ",".join(f'"{bucket.name}";q={bucket.quota};w={bucket.window_s}' for bucket in buckets)
    return f"RateLimit-Policy: {policies}\r\n".encode()


def passed_header(buckets: tuple[Bucket, ...], verdict: Verdict) -> bytes:
    """What is left of each policy, and the seconds until it is full again."""
    if not buckets:
        return b""
    states = [
        f'"{bucket.name}";r={left};t={ceil(full_us / 1_000_000)}'
        for bucket, left, full_us in zip(buckets, verdict.left, verdict.full_us, strict=True)
    ]
    return f"RateLimit: {','.join(states)}\r\n".encode()


def refused_header(buckets: tuple[Bucket, ...], verdict: Verdict) -> bytes:
    """Only the policies that refused, each with the seconds until it lets one more through."""
    states = [
        f'"{bucket.name}";r={left};t={ceil(wait_us / 1_000_000)}'
        for bucket, left, wait_us in zip(buckets, verdict.left, verdict.wait_us, strict=True)
        if wait_us > 0
    ]
    return f"RateLimit: {','.join(states)}\r\n".encode()
