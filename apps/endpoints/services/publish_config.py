"""Build the snapshot that serve nodes pull: who may call what, under which limits, at what price."""

import base64
from collections import defaultdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import Allowance, ApiKey, Organisation
from apps.accounts.rules import most_of
from apps.compute.models import Node
from apps.endpoints.models import ConfigRevision, Endpoint
from apps.endpoints.queries import present_deployments
from apps.ledger.models import Price, Wallet
from apps.ledger.queries import price_at
from contracts.serving import (
    Price as PublishedPrice,
)
from contracts.serving import (
    PublishedDeployment,
    PublishedEndpoint,
    PublishedKey,
    PublishedOrganisation,
    RatePolicy,
    ServingConfig,
)
from contracts.usage import METER_PREDICTIONS
from contracts.wire import from_wire

MAX_CONCURRENCY = 256  # requests in flight of an organisation whose plan says nothing
NODE_ALIVE_S = 30  # a node that said hello within this time shares the limits


def current_revision() -> int:
    """Return the revision, bumped first if a price has become effective since it was made."""
    row, _ = ConfigRevision.objects.get_or_create(id=1)
    if Price.objects.filter(effective_from__gt=row.changed_at, effective_from__lte=timezone.now()).exists():
        ConfigRevision.objects.filter(id=1, revision=row.revision).update(
            revision=row.revision + 1, changed_at=timezone.now()
        )
        row.refresh_from_db()
    return row.revision


def build_config(revision: int) -> ServingConfig:
    """Read everything a node needs. The revision is read before the data, so data can only be newer than it says."""
    budget_wallets = _budget_wallets()
    endpoints = _endpoints(budget_wallets)
    return ServingConfig(
        revision=revision,
        pepper=base64.b64encode(settings.KEY_PEPPER.encode()).decode(),
        live_nodes=max(1, _live_nodes()),
        organisations=_organisations(budget_wallets),
        keys=_keys(budget_wallets),
        endpoints=endpoints,
    )


def _live_nodes() -> int:
    since = timezone.now() - timedelta(seconds=NODE_ALIVE_S)
    return Node.objects.filter(kind="serve", disabled_at=None, last_seen_at__gte=since).count()


def _budget_wallets() -> dict[tuple[str, str], list[str]]:
    """(scope, id of the scope) -> wallets of the hard budgets in force now; quotas have the scope `quota`."""
    now = timezone.now()
    rows = (
        Wallet.objects.filter(budget__is_hard=True, budget__deleted_at=None)
        .filter(Q(period_start=None) | Q(period_start__lte=now), Q(period_end=None) | Q(period_end__gt=now))
        .values_list("budget__measure", "budget__scope", "budget__scope_id", "id")
    )
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for measure, scope, scope_id, wallet in rows:
        found["quota" if measure == "units" else scope, scope_id].append(wallet)
    return found


def _organisations(budgets: dict[tuple[str, str], list[str]]) -> list[PublishedOrganisation]:
    credit = dict(Wallet.objects.filter(budget=None).values_list("organisation_id", "id"))
    limits = dict(Allowance.objects.values_list("organisation_id", "limits"))
    return [
        PublishedOrganisation(
            id=organisation.id,
            wallet=credit[organisation.id],
            policies=[_fair_use(limits.get(organisation.id, {}))],
            wallets=budgets.get(("organisation", organisation.id), []),
            max_concurrency=most_of(limits.get(organisation.id, {}), "concurrency") or MAX_CONCURRENCY,
            suspended=organisation.suspended_reason,
        )
        for organisation in Organisation.objects.filter(id__in=credit)
    ]


def _fair_use(limits: dict[str, int]) -> RatePolicy:
    """The plan's rate, never above the installation's ceiling."""
    quota = min(
        settings.ORGANISATION_REQUESTS_PER_MINUTE,
        most_of(limits, "requests_per_minute") or settings.ORGANISATION_REQUESTS_PER_MINUTE,
    )
    return RatePolicy(name="organisation", quota=quota, window_s=60, burst=max(1, quota // 6))


def _keys(budgets: dict[tuple[str, str], list[str]]) -> list[PublishedKey]:
    # Keys that expired lately stay listed, so their owners read "expired" and not "unknown".
    since = timezone.now() - timedelta(days=7)
    keys = ApiKey.objects.filter(revoked_at=None, parent__revoked_at=None)
    published = []
    for key in keys.filter(Q(expires_at=None) | Q(expires_at__gt=since)):
        published.append(_key(key, key.kid, key.digest, key.expires_at, budgets))
        if key.previous_until is not None and key.previous_until > timezone.now():
            until = min(key.previous_until, key.expires_at or key.previous_until)
            published.append(_key(key, key.previous_kid, key.previous_digest, until, budgets))
    return published


def _key(
    key: ApiKey, kid: str, digest: str, until: datetime | None, budgets: dict[tuple[str, str], list[str]]
) -> PublishedKey:
    """One secret of a key: the present one, or the one before a rotation for as long as it is good."""
    return PublishedKey(
        id=key.id,
        kid=kid,
        digest=digest,
        organisation=key.organisation_id,
        scopes=key.scopes,
        endpoints=key.endpoints,
        expires_at=until.timestamp() if until else None,
        policies=_policies(key.policies),
        wallets=budgets.get(("key", key.id), []),
        parent=key.parent_id or "",
        paused=key.paused_at is not None,
        max_concurrency=key.max_concurrency or 0,
        unit_wallets=budgets.get(("quota", key.id), []),
    )


def _endpoints(budgets: dict[tuple[str, str], list[str]]) -> list[PublishedEndpoint]:
    deployments = defaultdict(list)
    for row in present_deployments().filter(endpoint__deleted_at=None):
        deployments[row.endpoint_id].append(
            PublishedDeployment(
                id=row.id,
                model_version=row.model_version_id,
                model_sha256=row.model_version.sha256_in(row.precision),
                weight=row.weight,
                shadow=row.shadow,
            )
        )
    prices: dict[tuple[str, str], PublishedPrice] = {}
    published = []
    for endpoint in Endpoint.objects.filter(deleted_at=None).select_related("organisation"):
        offer = (endpoint.latency_class, endpoint.organisation.currency)
        if offer not in prices:
            prices[offer] = _price(*offer)
        published.append(
            PublishedEndpoint(
                id=endpoint.id,
                name=endpoint.name,
                organisation=endpoint.organisation_id,
                latency_class=endpoint.latency_class,
                price=prices[offer],
                slo_ms=endpoint.slo_ms,
                policies=_policies(endpoint.policies),
                wallets=budgets.get(("endpoint", endpoint.id), []),
                deployments=deployments[endpoint.id],
                paused=endpoint.paused_at is not None,
                sticky=endpoint.sticky,
                log_share=endpoint.log_share,
            )
        )
    return published


def _price(latency_class: str, currency: str) -> PublishedPrice:
    row = price_at(METER_PREDICTIONS, dimension=latency_class, currency=currency)
    return PublishedPrice(id=row.id, meter=row.meter, currency=row.currency, unit_price_micros=row.unit_price_micros)


def _policies(raw: list[dict[str, object]]) -> list[RatePolicy]:
    return [from_wire(RatePolicy, item) for item in raw]
