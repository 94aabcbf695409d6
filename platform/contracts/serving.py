"""The snapshot that control publishes to every serve node: who may call what, under which limits, at what price.

`GET /internal/v1/config?after=<revision>` answers it whole, or 204 when nothing is newer.
Limits and wallets are plain data here; how they are enforced is the data plane's business.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RatePolicy:
    """GCRA: `quota` units per `window_s` seconds, with `burst` units at once (0: the quota itself)."""

    name: str  # shown in RateLimit headers
    quota: int
    window_s: int
    burst: int = 0


@dataclass(frozen=True)
class Price:
    id: str
    meter: str
    currency: str
    unit_price_micros: int  # per prediction (one row, one image, one text)


@dataclass(frozen=True)
class PublishedOrganisation:
    id: str
    wallet: str  # credit wallet
    policies: list[RatePolicy] = field(default_factory=list)
    wallets: list[str] = field(default_factory=list)  # hard budgets over the whole organisation
    max_concurrency: int = 256
    suspended: str = ""  # reason; empty: in good standing


@dataclass(frozen=True)
class PublishedKey:
    id: str
    kid: str
    digest: str  # digest_key(pepper, whole key)
    organisation: str
    scopes: list[str]
    endpoints: list[str] | None = None  # ids; None: all of the organisation
    expires_at: float | None = None  # seconds since the epoch
    policies: list[RatePolicy] = field(default_factory=list)
    wallets: list[str] = field(default_factory=list)  # hard budgets of this key
    parent: str = ""  # id of the key it was issued under: that one's limits and wallets hold as well
    paused: bool = False
    max_concurrency: int = 0  # requests under way over all nodes; 0: no limit of its own
    unit_wallets: list[str] = field(default_factory=list)  # monthly quotas: they count predictions, not money


@dataclass(frozen=True)
class PublishedDeployment:
    id: str
    model_version: str  # ver_…
    model_sha256: str
    weight: int  # per cent of the traffic; of a shadow: per cent of the requests that are copied to it
    shadow: bool = False  # gets copies; its answers are compared and thrown away


@dataclass(frozen=True)
class PublishedEndpoint:
    id: str
    name: str  # slug, unique in the organisation
    organisation: str
    latency_class: str  # "realtime" | "batch"
    price: Price
    slo_ms: float = 100.0
    policies: list[RatePolicy] = field(default_factory=list)
    wallets: list[str] = field(default_factory=list)  # hard budgets of this endpoint
    deployments: list[PublishedDeployment] = field(default_factory=list)
    paused: bool = False
    log_share: float = 0.0  # of its requests that are kept for the request log; 0: none
    sticky: str = ""  # header or query parameter, lower case, whose value decides between the deployments


@dataclass(frozen=True)
class ServingConfig:
    revision: int
    pepper: str  # base64; so that a node can digest keys
    live_nodes: int = 1  # "fail limited": a node without Redis takes 1/live_nodes of each limit
    organisations: list[PublishedOrganisation] = field(default_factory=list)
    keys: list[PublishedKey] = field(default_factory=list)
    endpoints: list[PublishedEndpoint] = field(default_factory=list)
