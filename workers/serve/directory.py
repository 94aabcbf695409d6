"""The published configuration, compiled for look-ups: keys, endpoints, and each key's ready-made way to an endpoint."""

from __future__ import annotations

import base64
import hmac
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from contracts.keys import digest_key, parse_key
from contracts.serving import PublishedEndpoint, PublishedKey, PublishedOrganisation, ServingConfig
from workers.serve.ahead import Ahead
from workers.serve.histograms import Histograms, Tally
from workers.serve.leases import Leases, Wallet
from workers.serve.limits import Bucket
from workers.serve.problems import Refused
from workers.serve.rate_headers import policy_header
from workers.serve.seats import Seats
from workers.serve.sessions import Model
from workers.serve.sticky import stick, sticky_value

MAX_CACHED_HEADERS = 50_000


@dataclass
class OrganisationState:
    """What outlives a revision: how many requests are under way."""

    id: str
    in_flight: int = 0


@dataclass
class Live:
    """A loaded model that takes traffic, or copies of it."""

    model: Model
    version: str
    weight: int
    tally: Tally
    headers: bytes = b""  # what every answer of it carries

    def __post_init__(self) -> None:
        names = f"Model-Version: {self.version}\r\nModel-Deployment: {self.tally.deployment}\r\n"
        self.headers = names.encode()


@dataclass
class EndpointState:
    """What outlives a revision: which loaded models answer, and how loading goes."""

    id: str
    live: list[Live] = field(default_factory=list)
    state: str = "starting"
    error: str = ""
    asked_for: bool = False  # somebody wanted an answer while no model was loaded
    shadows: tuple[Live, ...] = ()
    sticky: bytes = b""

    def choose(self, headers: dict[bytes, bytes], path: bytes) -> Live:
        live = self.live
        if len(live) == 1:
            return live[0]
        if not live:
            if self.state == "failed":
                raise Refused("ours:model-unavailable", retry_after_s=5)
            self.asked_for = True
            raise Refused("ours:starting", retry_after_s=1)
        if self.sticky and (value := sticky_value(self.sticky, headers, path)):
            return stick(value, live)
        return random.choices(live, [one.weight for one in live])[0]


@dataclass
class Registry:
    """States by id; a new revision finds them again."""

    leases: Leases
    histograms: Histograms = field(default_factory=Histograms)
    organisations: dict[str, OrganisationState] = field(default_factory=dict)
    endpoints: dict[str, EndpointState] = field(default_factory=dict)

    def organisation(self, organisation_id: str) -> OrganisationState:
        return self.organisations.setdefault(organisation_id, OrganisationState(organisation_id))

    def endpoint(self, endpoint_id: str) -> EndpointState:
        return self.endpoints.setdefault(endpoint_id, EndpointState(endpoint_id))


class Route:
    """One key's way to one endpoint: limits, wallets, price and the constant part of its usage records."""

    def __init__(self, entry: KeyEntry, endpoint: PublishedEndpoint, registry: Registry) -> None:
        organisation = entry.organisation
        self.key = entry.key
        self.organisation = registry.organisation(organisation.id)
        self.max_concurrency = organisation.max_concurrency
        self.endpoint = endpoint
        self.state = registry.endpoint(endpoint.id)
        self.tally = registry.histograms.of(endpoint.id)  # of requests that reach no deployment
        self.buckets = _buckets(entry.chain, organisation, endpoint)
        self.seats = tuple(Seats.of(organisation.id, one) for one in entry.chain if one.max_concurrency)
        self.ahead = Ahead(self.buckets)
        self.policy_header = policy_header(self.buckets)
        self.smallest_burst = min((bucket.burst for bucket in self.buckets), default=0)
        wallets = [organisation.wallet, *organisation.wallets, *endpoint.wallets]
        wallets += [wallet for one in entry.chain for wallet in one.wallets]
        quotas = [wallet for one in entry.chain for wallet in one.unit_wallets]
        self.counts_units = bool(quotas)
        self.wallets: tuple[Wallet, ...] = (
            *(registry.leases.wallet(one) for one in dict.fromkeys(wallets) if one),
            *(registry.leases.wallet(one, counts_units=True) for one in dict.fromkeys(quotas)),
        )
        self.is_slow = endpoint.latency_class == "batch"
        self.log_share = endpoint.log_share
        self.unit_price = endpoint.price.unit_price_micros
        self.record_parts: dict[str, bytes] = {}  # by model version; see journal_line.py


class KeyEntry:
    """A key with the one it was issued under: what holds for the parent holds for the sub-key too."""

    def __init__(
        self, key: PublishedKey, organisation: PublishedOrganisation, parent: PublishedKey | None = None
    ) -> None:
        self.key = key
        self.chain = (key,) if parent is None else (key, parent)
        self.organisation = organisation
        self.expires_at = min((one.expires_at for one in self.chain if one.expires_at), default=0.0)
        self.paused = any(one.paused for one in self.chain)
        self.may_predict = all("predict" in one.scopes for one in self.chain)
        self.routes: dict[str, Route] = {}

    @cached_property
    def limits(self) -> KeyLimits:
        return KeyLimits(_buckets(self.chain, self.organisation, None))


class KeyLimits:
    """What limits a key wherever it goes; only refusals on the way to an endpoint tell it."""

    def __init__(self, buckets: tuple[Bucket, ...]) -> None:
        self.buckets = buckets
        self.policy_header = policy_header(buckets)


class Directory:
    """One revision. Immutable but for its caches."""

    def __init__(self, config: ServingConfig, registry: Registry, gone_kids: frozenset[str] = frozenset()) -> None:
        self.revision = config.revision
        self.config = config
        self.gone_kids = gone_kids  # kids that earlier revisions had: revoked, not unknown
        self._registry = registry
        self._pepper = base64.b64decode(config.pepper)
        organisations = {organisation.id: organisation for organisation in config.organisations}
        # After a rotation a key is listed twice, the present secret first: that one's end is the key's own.
        parents = {key.id: key for key in reversed(config.keys) if not key.parent}
        self._keys = {
            key.kid: KeyEntry(key, organisations[key.organisation], parents.get(key.parent))
            for key in config.keys
            if key.organisation in organisations and (not key.parent or key.parent in parents)
        }
        self._endpoints = {(endpoint.organisation, endpoint.name): endpoint for endpoint in config.endpoints}
        self._by_header: dict[bytes, KeyEntry] = {}

    @property
    def kids(self) -> frozenset[str]:
        return frozenset(self._keys)

    def authenticate(self, header: bytes) -> KeyEntry:
        """Return the key of an Authorization header. Raises Refused."""
        entry = self._by_header.get(header)
        if entry is None:
            entry = self._look_up(header)
            if len(self._by_header) > MAX_CACHED_HEADERS:
                self._by_header.clear()
            self._by_header[header] = entry
        if entry.expires_at and entry.expires_at <= time.time():
            raise Refused("yours:key-expired")
        if entry.paused:
            raise Refused("yours:key-paused")
        return entry

    def route(self, entry: KeyEntry, name: str) -> Route:
        """Return the key's way to the endpoint called `name`. Raises Refused."""
        route = entry.routes.get(name)
        if route is not None:
            return route
        try:
            return self._new_route(entry, name)
        except Refused as refusal:
            refusal.limited_by = entry.limits
            raise

    def _new_route(self, entry: KeyEntry, name: str) -> Route:
        if not entry.may_predict:
            raise Refused("yours:not-allowed", "The key lacks the scope `predict`.")
        endpoint = self._endpoints.get((entry.organisation.id, name))
        if endpoint is None:
            raise Refused("yours:endpoint-unknown")
        if any(one.endpoints is not None and endpoint.id not in one.endpoints for one in entry.chain):
            raise Refused("yours:not-allowed", "The key is not made for this endpoint.")
        if entry.organisation.suspended:
            raise Refused("yours:suspended", f"{entry.organisation.suspended}.")
        if endpoint.paused:
            raise Refused("yours:endpoint-paused")
        route = entry.routes[name] = Route(entry, endpoint, self._registry)
        return route

    def endpoints(self) -> list[PublishedEndpoint]:
        return self.config.endpoints

    def _look_up(self, header: bytes) -> KeyEntry:
        scheme, _, credentials = header.partition(b" ")
        if scheme.lower() != b"bearer":
            raise Refused("yours:not-authenticated")
        text = credentials.strip().decode("latin-1")
        kid = parse_key(text)
        if kid is None:
            raise Refused("yours:not-authenticated", "This is not a well-formed key; was it copied whole?")
        entry = self._keys.get(kid)
        if entry is None:
            raise Refused("yours:key-revoked" if kid in self.gone_kids else "yours:not-authenticated")
        if not hmac.compare_digest(digest_key(self._pepper, text), entry.key.digest):
            raise Refused("yours:not-authenticated")
        return entry


def _buckets(
    keys: Sequence[PublishedKey], organisation: PublishedOrganisation, endpoint: PublishedEndpoint | None
) -> tuple[Bucket, ...]:
    """A sub-key's own policies, then its parent's, the endpoint's, the organisation's."""
    owners: list[tuple[str, str, str, list[Any]]] = [
        (word, "key", key.id, key.policies) for word, key in zip(("key", "parent"), keys, strict=False)
    ]
    if endpoint is not None:
        owners.append(("endpoint", "endpoint", endpoint.id, endpoint.policies))
    owners.append(("org", "org", organisation.id, organisation.policies))
    names = [policy.name for *_, policies in owners for policy in policies]
    return tuple(
        Bucket.of(
            policy,
            organisation.id,
            scope,
            owner,
            policy.name if names.count(policy.name) == 1 else f"{word}-{policy.name}",
        )
        for word, scope, owner, policies in owners
        for policy in policies
        if policy.quota > 0
    )
