"""Give an organisation another name; its address stays."""

from django.db import transaction

from apps.accounts.models import ApiKey, Organisation, User
from apps.accounts.services.record_audit import record_audit
from contracts.problems import Problem


def rename_organisation(
    organisation: Organisation, *, name: str, by: User | ApiKey | str, address: str | None = None
) -> Organisation:
    name = " ".join(name.split())
    if not name or len(name) > 120:
        raise Problem("yours:invalid", "An organisation's name has 1 to 120 characters.")
    with transaction.atomic():
        before, organisation.name = organisation.name, name
        organisation.save(update_fields=["name"])
        details = {"from": before, "to": name}
        record_audit(
            organisation,
            actor=by,
            action="organisation.rename",
            subject=organisation.pk,
            details=details,
            address=address,
        )
    return organisation
