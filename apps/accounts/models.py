"""People, organisations, memberships, invitations, API keys, the audit log."""

from functools import partial
from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from apps.accounts.tenancy import TenantQuerySet
from contracts.ids import new_id


class PeopleManager(UserManager["User"]):
    """People are known by e-mail; there is no user name."""

    def create_user(self, email: str, password: str | None = None, **extra: object) -> "User":  # type: ignore[override]
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: object) -> "User":  # type: ignore[override]
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class User(AbstractUser):
    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "usr"), editable=False)
    username = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[PeopleManager] = PeopleManager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.email


class Organisation(models.Model):
    """A tenant: owns everything else."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "org"), editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)  # in page addresses: /o/<slug>/…
    currency = models.CharField(max_length=3, default="USD")
    suspended_reason = models.CharField(max_length=200, blank=True)  # empty: in good standing
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Allowance(models.Model):
    """What an organisation's plan lets it have. Billing writes it; every stage asks `services.pass_limit`."""

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="allowance"
    )
    plan = models.CharField(max_length=40, blank=True)
    limits = models.JSONField(default=dict)  # word of rules.LIMITS -> the most; a missing word is not limited
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.plan}"


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"
    VIEWER = "viewer", "Viewer"


class Membership(models.Model):
    id = models.BigAutoField(primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    joined_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["Membership"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "user"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.organisation}"


class Invitation(models.Model):
    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "ivt"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    token_digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["Invitation"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                "organisation",
                name="one_open_invitation",
                condition=models.Q(accepted_at=None, revoked_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.organisation}"

    @property
    def state(self) -> str:
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= timezone.now() else "open"


class ApiKey(models.Model):
    """A key's record; the key itself is shown once and never stored."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "key"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    kid = models.CharField(max_length=10, unique=True)
    mode = models.CharField(max_length=4, choices=[("live", "live"), ("test", "test")], default="live")
    digest = models.CharField(max_length=64)
    last_four = models.CharField(max_length=4)
    scopes = ArrayField(models.CharField(max_length=20))
    endpoints = ArrayField(models.CharField(max_length=40), null=True, blank=True)  # ids; null: all
    policies = models.JSONField(default=list, blank=True)  # list of serving.RatePolicy dicts
    max_concurrency = models.PositiveIntegerField(null=True, blank=True)  # requests under way; null: no own limit
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="sub_keys")
    paused_at = models.DateTimeField(null=True, blank=True)
    share_serial = models.IntegerField(default=0)  # of the link to the usage page; not positive: there is none
    previous_kid = models.CharField(max_length=10, blank=True, db_index=True)  # of the secret before the rotation
    previous_digest = models.CharField(max_length=64, blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)  # until then the secret before is good too
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["ApiKey"].as_manager()

    def __str__(self) -> str:
        return f"{self.name} (…{self.last_four})"

    @property
    def chain(self) -> tuple["ApiKey", ...]:
        """The key, and the one it was issued under: what holds for that one holds for it too."""
        return (self,) if self.parent is None else (self, self.parent)

    @property
    def state(self) -> str:
        """`live`, or the first reason why it is refused: its own or its parent's."""
        now = timezone.now()
        if any(key.revoked_at for key in self.chain):
            return "revoked"
        if any(key.expires_at is not None and key.expires_at <= now for key in self.chain):
            return "expired"
        return "paused" if any(key.paused_at for key in self.chain) else "live"


class AuditEntry(models.Model):
    """Who did what to what; each row carries the hash of the one before it, so a changed row shows."""

    id = models.BigAutoField(primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, null=True, related_name="audit_entries")
    actor = models.CharField(max_length=120)  # "usr_…", "key_…", "system"
    actor_label = models.CharField(max_length=200)
    action = models.CharField(max_length=60)  # "key.create", "run.start"
    subject = models.CharField(max_length=60, blank=True)  # id of the thing acted on
    details = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True, blank=True)
    at = models.DateTimeField()
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = TenantQuerySet["AuditEntry"].as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["organisation", "-id"], name="audit_by_org")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class Switch(models.Model):
    """An operational switch that operators flip in the console: pause-uploads, pause-training, read-only."""

    name = models.CharField(primary_key=True, max_length=40)
    is_on = models.BooleanField(default=False)
    reason = models.CharField(max_length=200, blank=True)  # shown to users while it is on
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "switches"

    def __str__(self) -> str:
        return f"{self.name}: {'on' if self.is_on else 'off'}"
