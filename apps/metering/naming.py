"""Names for the ids in usage rows. Metering lies below the stages it meters, so it asks the tables by label."""

from collections.abc import Iterable

from django.apps import apps as installed

from apps.accounts.models import Organisation

_TABLES = {
    "endpoint": [("endpoints", "Endpoint")],
    "key": [("accounts", "ApiKey")],
    "parent_key": [("accounts", "ApiKey")],
    "run": [("training", "Run")],
    "model_version": [("registry", "ModelVersion")],
}


def named(organisation: Organisation, group: str, ids: Iterable[str]) -> dict[str, str]:
    """Id -> what people call it; ids of things that are gone stay unnamed."""
    wanted = [identifier for identifier in ids if identifier]
    names: dict[str, str] = {}
    for app, model in _TABLES.get(group, []):
        rows = installed.get_model(app, model)._default_manager.filter(organisation=organisation, pk__in=wanted)
        names |= {row.pk: str(row) for row in rows}
    return names
