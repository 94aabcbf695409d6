"""Operators see people, organisations, keys and the audit log, and flip switches; what is history cannot be edited."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from apps.accounts.client_address import client_address
from apps.accounts.models import ApiKey, AuditEntry, Invitation, Membership, Organisation, Switch, User
from apps.accounts.services.flip_switch import flip_switch
from apps.accounts.services.record_audit import record_audit
from apps.accounts.services.revoke_api_key import revoke_api_key

admin.site.unregister(Group)  # nobody is in groups here: roles live in memberships


class LookOnly(ModelAdmin):
    """Rows made by services; the console shows them."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NewUserForm(UserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email",)


@admin.register(User)
class PeopleAdmin(UserAdmin, ModelAdmin):  # type: ignore[type-arg,misc]
    form = UserChangeForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    ordering = ["-date_joined"]
    list_display = ["email", "is_active", "is_staff", "date_joined", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "id"]
    readonly_fields = ["id", "date_joined", "last_login"]
    fieldsets = [
        (None, {"fields": ["id", "email", "password"]}),
        ("May", {"fields": ["is_active", "is_staff", "is_superuser"]}),
        ("History", {"fields": ["date_joined", "last_login"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "password1", "password2"]})]
    filter_horizontal = []

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        record_audit(
            None,
            actor=request.user,  # type: ignore[arg-type]
            action="user.change" if change else "user.create",
            subject=obj.pk,
            details={"fields": form.changed_data},
            address=client_address(request),
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """People are made inactive: what they did stays theirs."""
        return False


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    can_delete = False
    readonly_fields = ["user", "role", "joined_at"]

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


@admin.register(Organisation)
class OrganisationAdmin(ModelAdmin):
    list_display = ["name", "slug", "currency", "suspended_reason", "created_at"]
    search_fields = ["name", "slug", "id"]
    readonly_fields = ["id", "name", "slug", "currency", "created_at"]
    inlines = [MembershipInline]

    def save_model(self, request: HttpRequest, obj: Organisation, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "suspended_reason" in form.changed_data:
            record_audit(
                obj,
                actor=request.user,  # type: ignore[arg-type]
                action="organisation.suspend" if obj.suspended_reason else "organisation.resume",
                subject=obj.pk,
                details={"reason": obj.suspended_reason},
                address=client_address(request),
            )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """An organisation comes with an owner and a wallet: sign up, or `manage.py bootstrap`."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Membership)
class MembershipAdmin(LookOnly):
    list_display = ["user", "organisation", "role", "joined_at"]
    list_filter = ["role"]
    search_fields = ["user__email", "organisation__name"]
    list_select_related = ["user", "organisation"]


@admin.register(Invitation)
class InvitationAdmin(LookOnly):
    list_display = ["email", "organisation", "role", "created_at", "expires_at", "accepted_at", "revoked_at"]
    search_fields = ["email", "organisation__name"]
    exclude = ["token_digest"]


@admin.register(ApiKey)
class ApiKeyAdmin(LookOnly):
    list_display = ["name", "last_four", "organisation", "scopes", "last_used_at", "expires_at", "revoked_at"]
    list_filter = ["mode"]
    search_fields = ["name", "kid", "id", "organisation__name"]
    exclude = ["digest"]
    actions = ["revoke"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and request.user.is_active and request.user.is_staff  # for the action, never for a form

    @admin.action(description="Revoke the chosen keys", permissions=["view"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        for key in keys.select_related("organisation"):
            revoke_api_key(key, by=request.user, address=client_address(request))  # type: ignore[arg-type]


@admin.register(AuditEntry)
class AuditEntryAdmin(LookOnly):
    list_display = ["at", "organisation", "actor_label", "action", "subject", "address"]
    list_filter = ["action"]
    search_fields = ["subject", "actor", "actor_label", "organisation__name"]
    date_hierarchy = "at"
    list_select_related = ["organisation"]


@admin.register(Switch)
class SwitchAdmin(ModelAdmin):
    list_display = ["name", "is_on", "reason", "changed_at"]
    readonly_fields = ["name", "changed_at"]

    def save_model(self, request: HttpRequest, obj: Switch, form: Any, change: bool) -> None:
        """Through the service, so that the audit log names who did it."""
        flip_switch(
            obj.name,
            is_on=obj.is_on,
            reason=obj.reason,
            by=request.user,  # type: ignore[arg-type]
            address=client_address(request),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
