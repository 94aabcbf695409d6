"""Give a model version a name that answers."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.pass_limit import pass_limit
from apps.accounts.services.record_audit import record_audit
from apps.endpoints import rules
from apps.endpoints.models import DEFAULT_SLO_MS, Deployment, Endpoint
from apps.endpoints.queries import deployable_or_problem, living_endpoints
from apps.endpoints.services.pass_gate import pass_gate
from apps.registry.models import ModelVersion
from contracts.problems import Problem


def create_endpoint(
    organisation: Organisation,
    *,
    name: str,
    model_version: ModelVersion,
    precision: str = "",
    latency_class: str = "realtime",
    policies: Sequence[dict[str, Any]] | None = None,
    force: bool = False,
    created_by: User | ApiKey | None = None,
) -> Endpoint:
    """Create endpoint and first deployment; serve nodes learn of it by the revision that the insert bumps.

    `precision`: empty for the one that the version is deployed in where nobody names one.

    Raises yours:invalid (name, class, limits), yours:conflict (name taken), yours:state (the evidence does not pass
    the gate and `force` is not set).
    """
    clean = _validated(name, latency_class, policies)
    reference = f"{model_version.pk}@{precision}" if precision else model_version.pk
    model_version, precision = deployable_or_problem(organisation, reference)
    if not force:
        pass_gate(model_version, instead_of=None, slo_ms=DEFAULT_SLO_MS)
    try:
        with transaction.atomic():
            pass_limit(organisation, "endpoints", used=lambda: living_endpoints(organisation).count())
            endpoint = Endpoint.objects.create(
                organisation=organisation,
                name=name,
                latency_class=latency_class,
                policies=clean,
                created_by=created_by if isinstance(created_by, User) else None,
            )
            Deployment.objects.create(
                endpoint=endpoint, model_version=model_version, precision=precision, weight=100, edition=1
            )
            record_audit(
                organisation,
                actor=created_by or "system",
                action="endpoint.create",
                subject=endpoint.id,
                details={"name": name, "model_version": model_version.id, "precision": precision},
            )
    except IntegrityError as error:
        if "endpoint_name_once" not in str(error):
            raise
        raise Problem("yours:conflict", f"An endpoint named {name!r} exists already; choose another name.") from error
    return endpoint


def _validated(name: str, latency_class: str, policies: Sequence[dict[str, Any]] | None) -> list[dict[str, Any]]:
    errors = []
    objection = rules.name_objection(name)
    if objection:
        errors.append({"location": "name", "message": f"{name!r} cannot be a name", "fix": objection})
    if latency_class not in ("realtime", "batch"):
        errors.append({"location": "latency_class", "message": f"is {latency_class!r}", "fix": "realtime or batch"})
    raw = [asdict(rules.DEFAULT_ENDPOINT_POLICY)] if policies is None else list(policies)
    clean, policy_errors = rules.parse_policies(raw)
    errors += policy_errors
    if errors:
        raise Problem("yours:invalid", errors=errors)
    return clean
