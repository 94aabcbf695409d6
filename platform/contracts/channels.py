"""Every Redis key and channel name, once. Redis holds no money and nothing that cannot be rebuilt."""

CONFIG_CHANGED = "my:config"  # pub/sub; message = new revision; a hint to pull at once
RUN_CHANGED = "my:run:{run}"  # pub/sub; a hint for the run page's event stream


def rate_key(organisation: str, scope: str, owner: str, policy: str) -> str:
    """GCRA state. The braces keep one organisation's keys on one Redis Cluster slot, so one script takes them all."""
    return f"{{t:{organisation}}}:g:{scope}:{owner}:{policy}"


def seats_key(organisation: str, key: str) -> str:
    """Requests of an API key that are under way, as a sorted set; on the slot of the organisation's rates."""
    return f"{{t:{organisation}}}:s:{key}"


def attempts_key(what: str, digest: str) -> str:
    """Times of wrong passwords for one account or one network address, as a sorted set."""
    return f"{{login}}:{what}:{digest}"
