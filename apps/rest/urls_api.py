"""REST addresses of the organisation itself, under /api/v1/."""

from django.urls import path

from apps.rest.accounts_api.audit import AuditView
from apps.rest.accounts_api.invitations import InvitationsView, InvitationView
from apps.rest.accounts_api.members import MembersView, MemberView
from apps.rest.accounts_api.organisation import OrganisationView

urlpatterns = [
    path("organisation", OrganisationView.as_view(), name="api-organisation"),
    path("members", MembersView.as_view(), name="api-members"),
    path("members/<str:member_id>", MemberView.as_view(), name="api-member"),
    path("invitations", InvitationsView.as_view(), name="api-invitations"),
    path("invitations/<str:invitation_id>", InvitationView.as_view(), name="api-invitation"),
    path("audit", AuditView.as_view(), name="api-audit"),
]
