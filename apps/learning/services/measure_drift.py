"""Compare the kept requests of an endpoint with what its version learned from; say it when they part."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Membership, Role
from apps.endpoints.models import Endpoint
from apps.endpoints.queries import main_deployment
from apps.learning.drift_rules import Finding, Profile, compare, is_drifting, of_counts, of_values, profile_of
from apps.learning.models import Drift, LoggedRequest
from apps.learning.rules import predictions_of, rows_of
from apps.outbox.services.send import send
from apps.registry.models import ModelVersion
from apps.registry.queries import evaluation_of
from apps.webhooks.services.emit import emit
from contracts.manifests import ModelManifest
from contracts.wire import from_wire

WINDOW = timedelta(days=7)
REQUESTS_MOST = 5_000
ROWS_MOST = 20_000
ANSWER = "(answers)"
_BINS_KEPT = 30


@dataclass
class Traffic:
    rows: list[dict[str, Any]] = field(default_factory=list)
    said: list[Any] = field(default_factory=list)
    since: datetime | None = None


def measure_all() -> int:
    """Return how many endpoints were measured."""
    endpoints = Endpoint.objects.filter(deleted_at=None, log_share__gt=0).select_related("organisation")
    return sum(measure_drift(endpoint) is not None for endpoint in endpoints)


def measure_drift(endpoint: Endpoint) -> Drift | None:
    """Measure against the version that takes most of the traffic; None without one."""
    main = main_deployment(endpoint)
    if main is None:
        return None
    version = main.model_version
    manifest = from_wire(ModelManifest, version.manifest)
    traffic = _traffic(endpoint, version, manifest)
    findings = sorted(_findings(version, manifest, traffic), key=lambda one: -one.excess)
    with transaction.atomic():  # the row's lock: two that measure at once say it once
        Drift.objects.get_or_create(endpoint=endpoint, defaults={"organisation": endpoint.organisation})
        drift = Drift.objects.select_for_update().get(endpoint=endpoint)
        drift.model_version, drift.measured_at = version, timezone.now()
        drift.since, drift.rows = traffic.since, max(len(traffic.rows), len(traffic.said))
        drift.columns = [asdict(one) | {"excess": one.excess, "bins": one.bins[:_BINS_KEPT]} for one in findings]
        drift.worst = findings[0].excess if findings else None
        was = drift.drifting_since is not None
        if is_drifting(drift.worst, drift.limit, was=was) != was:
            drift.drifting_since = None if was else drift.measured_at
            if not was:
                _tell(endpoint, drift, findings[0])
        drift.save()
    return drift


def _traffic(endpoint: Endpoint, version: ModelVersion, manifest: ModelManifest) -> Traffic:
    kept = LoggedRequest.objects.of(endpoint.organisation).filter(
        endpoint=endpoint, model_version=version, status__lt=300, is_cut=False, at__gte=timezone.now() - WINDOW
    )
    traffic = Traffic()
    for one in kept.order_by("-id")[:REQUESTS_MOST].iterator(500):
        traffic.rows += rows_of(bytes(one.body), one.content_type, one.protocol, manifest)
        traffic.said += [_answer(prediction) for prediction in predictions_of(one.answer)]
        traffic.since = one.at
        if len(traffic.said) >= ROWS_MOST:
            break
    return traffic


def _answer(prediction: dict[str, Any]) -> Any:
    return prediction.get("label", prediction.get("value"))


def _findings(version: ModelVersion, manifest: ModelManifest, traffic: Traffic) -> Iterator[Finding]:
    data = version.dataset_version
    used = {column.name: column for column in manifest.columns if column.tensor}
    for entry in data.columns:
        column = used.get(entry.get("name"))
        profile = profile_of(entry, data.rows) if column else None
        if column is None or profile is None:
            continue
        names = (column.name, *column.aliases)
        values = (next((row[name] for name in names if row.get(name) is not None), None) for row in traffic.rows)
        if found := compare(profile, values):
            yield found
    answers = _answers_then(version)
    if answers and (found := compare(answers, [said for said in traffic.said if said is not None])):
        yield found


def _answers_then(version: ModelVersion) -> Profile | None:
    """What the version answered on its test rows."""
    if "evaluation.json" not in version.files:
        return None
    report = evaluation_of(version)
    if report.confusion and report.classes:
        columns = [sum(row[place] for row in report.confusion) for place in range(len(report.classes))]
        counts = dict(zip(report.classes, columns, strict=False))
        return of_counts(ANSWER, counts, sum(columns), 0.0, sum(columns))
    points = report.residuals.get("points") or []
    return of_values(ANSWER, [float(answer) for answer, _ in points])


def _tell(endpoint: Endpoint, drift: Drift, worst: Finding) -> None:
    what = "its answers" if worst.name == ANSWER else f"the column {worst.name}"
    details = {"endpoint": endpoint.pk, "name": endpoint.name, "column": worst.name, "psi": round(worst.excess, 4)}
    key = f"drift:{endpoint.pk}:{drift.measured_at:%Y%m%dT%H%M%S%f}"
    emit(endpoint.organisation, "endpoint.drift", details | {"limit": drift.limit}, dedupe_key=key)
    admins = Membership.objects.of(endpoint.organisation).filter(role__in=[Role.OWNER, Role.ADMIN])
    page = f"{settings.PUBLIC_URL}/o/{endpoint.organisation.slug}/endpoints/{endpoint.pk}/learning"
    text = (
        f"What callers ask of the endpoint {endpoint.name} of {endpoint.organisation.name} is no longer like what "
        f"its model learned from: for {what} the population stability index is {worst.excess:.2f} above chance, "
        f"and the limit is {drift.limit:.2f} (measured over {worst.rows} rows). The model may be wrong more often "
        f"than its evaluation says; label some requests and train on them.\n\n{page}\n"
    )
    mail = {"kind": "plain", "to": sorted(admins.values_list("user__email", flat=True)), "text": text}
    send("mail", mail | {"subject": f"Drift: {endpoint.name}"}, dedupe_key=f"mail-{key}")
