"""Reads of people, keys, switches and the audit log."""

from dataclasses import dataclass

from django.utils import timezone

from apps.accounts.audit_chain import hash_of
from apps.accounts.models import (
    Allowance,
    ApiKey,
    AuditEntry,
    Invitation,
    Membership,
    Organisation,
    Role,
    Switch,
    User,
)

SWITCHES = ("pause-uploads", "pause-training", "read-only")


def switch_is_on(name: str) -> bool:
    """A switch that was never made is off; a name that is no switch is a mistake of ours."""
    if name not in SWITCHES:
        raise LookupError(f"{name!r} is none of the switches {', '.join(SWITCHES)}")
    return Switch.objects.filter(name=name, is_on=True).exists()


def reason_for(switch: str) -> str:
    """What operators tell the users while the switch is on."""
    return Switch.objects.filter(name=switch).values_list("reason", flat=True).first() or ""


def limits_of(organisation: Organisation) -> dict[str, int]:
    """The limits of the organisation's plan; empty when it has none."""
    limits = Allowance.objects.filter(pk=organisation.pk).values_list("limits", flat=True).first()
    return dict(limits or {})


def seats_taken(organisation: Organisation) -> int:
    """Members, and invitations that somebody may still accept."""
    waiting = Invitation.objects.of(organisation).filter(
        accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
    )
    return Membership.objects.of(organisation).count() + waiting.count()


def membership_in(user: User, organisation: str) -> Membership | None:
    """`organisation` is an id or a slug."""
    field = "organisation__slug"
    if organisation.startswith("org_"):  # no slug has an underscore
        field = "organisation_id"
    return Membership.objects.select_related("organisation").filter(user=user, **{field: organisation}).first()


def first_membership_of(user: User) -> Membership | None:
    return Membership.objects.select_related("organisation").filter(user=user).order_by("id").first()


def role_of(actor: User | ApiKey | str, organisation: Organisation) -> str:
    """The role an actor acts with: a person's own, `admin` for a key with that scope, `owner` for the system."""
    if isinstance(actor, str):
        return Role.OWNER
    if isinstance(actor, ApiKey):
        is_admin = actor.organisation_id == organisation.pk and "admin" in actor.scopes
        return Role.ADMIN if is_admin else Role.VIEWER
    role = Membership.objects.of(organisation).filter(user=actor).values_list("role", flat=True).first()
    return role or ""


@dataclass(frozen=True)
class ChainVerdict:
    entries: int
    broken_at: int | None  # id of the first line that does not fit; None: the chain is whole

    @property
    def is_whole(self) -> bool:
        return self.broken_at is None


def verify_audit_chain(organisation: Organisation | None) -> ChainVerdict:
    """Recompute every hash: a changed, inserted or removed line shows (only a cut-off end cannot)."""
    previous, count = "", 0
    for entry in AuditEntry.objects.filter(organisation=organisation).order_by("id").iterator():
        count += 1
        if entry.previous_hash != previous or entry.hash != hash_of(entry):
            return ChainVerdict(count, entry.pk)
        previous = entry.hash
    return ChainVerdict(count, None)
