"""The promotion gate: a version takes traffic only on its evidence, unless somebody insists."""

from apps.registry.models import ModelVersion
from apps.registry.queries import promotion_of
from contracts.problems import Problem


def pass_gate(version: ModelVersion, *, instead_of: ModelVersion | None, slo_ms: float) -> None:
    """Raise yours:state naming each blocking check that fails. `instead_of`: what present callers use, if any."""
    checks = promotion_of(version, instead_of=instead_of, slo_ms=slo_ms)
    if instead_of is None:  # a new name has no callers whose schema could break
        checks = [check for check in checks if check.name != "schema"]
    failed = [check for check in checks if check.is_blocking and not check.passed]
    if failed:
        fix = "Train a better version, or send force: true if you know better."
        errors = [{"location": f"promotion.{check.name}", "message": check.message, "fix": fix} for check in failed]
        raise Problem("yours:state", " ".join(check.message for check in failed), errors=errors)
