"""Pages of this stage, under /o/<organisation>/."""

from django.urls import path

from apps.accounts.views import audit, members

app_name = "accounts"
urlpatterns = [
    path("members/", members.members, name="members"),
    path("members/<int:membership_id>/role", members.set_role, name="member-role"),
    path("members/<int:membership_id>/remove", members.remove, name="member-remove"),
    path("organisation/rename", members.rename, name="member-rename"),
    path("invitations/new", members.invite, name="invite"),
    path("invitations/<str:invitation_id>/revoke", members.revoke, name="invitation-revoke"),
    path("audit/", audit.audit, name="audit"),
]
