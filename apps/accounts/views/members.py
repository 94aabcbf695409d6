"""Members and invitations of an organisation, and the page that an invitation's link opens."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from apps.accounts.client_address import client_address
from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.forms import InviteForm, OrganisationNameForm
from apps.accounts.invitation_tokens import digest_of
from apps.accounts.models import Invitation, Membership, Role
from apps.accounts.services.accept_invitation import accept_invitation
from apps.accounts.services.change_role import change_role
from apps.accounts.services.invite_member import invite_member
from apps.accounts.services.remove_member import remove_member
from apps.accounts.services.rename_organisation import rename_organisation
from apps.accounts.services.revoke_invitation import revoke_invitation


@needs("read")
def members(request: OrganisationRequest, organisation: str) -> HttpResponse:
    return _members_page(request, InviteForm())


@require_POST
@needs("admin")
def rename(request: OrganisationRequest, organisation: str) -> HttpResponse:
    form = OrganisationNameForm(request.POST)
    if form.is_valid():
        name = form.cleaned_data["name"]
        tenant, address = request.organisation, client_address(request)
        if form.submit(lambda: rename_organisation(tenant, name=name, by=request.user, address=address)):
            messages.success(request, "The organisation has its new name.")
            return redirect("accounts:members", organisation)
    return _members_page(request, InviteForm(), name_form=form)


def _members_page(
    request: OrganisationRequest, form: InviteForm, name_form: OrganisationNameForm | None = None
) -> HttpResponse:
    people = Membership.objects.of(request.organisation).select_related("user").order_by("joined_at")
    waiting = Invitation.objects.of(request.organisation).filter(accepted_at=None, revoked_at=None).order_by("-id")
    context = {"people": people, "invitations": waiting, "form": form, "roles": Role.choices, "now": timezone.now()}
    context["name_form"] = name_form or OrganisationNameForm(initial={"name": request.organisation.name})
    return render(request, "accounts/members.html", context)


@require_POST
@needs("admin")
def invite(request: OrganisationRequest, organisation: str) -> HttpResponse:
    form = InviteForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        sent = form.submit(
            lambda: invite_member(
                request.organisation,
                email=data["email"],
                role=data["role"],
                invited_by=request.user,
                address=client_address(request),
            )
        )
        if sent:
            messages.success(request, f"An invitation is on its way to {sent.email}.")
            return redirect("accounts:members", organisation)
    return _members_page(request, form)


@require_POST
@needs("admin")
def revoke(request: OrganisationRequest, organisation: str, invitation_id: str) -> HttpResponse:
    invitation = get_object_or_404(Invitation.objects.of(request.organisation), pk=invitation_id)
    revoke_invitation(invitation, by=request.user, address=client_address(request))
    messages.success(request, f"The invitation to {invitation.email} no longer works.")
    return redirect("accounts:members", organisation)


@require_POST
@needs("admin")
def set_role(request: OrganisationRequest, organisation: str, membership_id: int) -> HttpResponse:
    membership = get_object_or_404(Membership.objects.of(request.organisation), pk=membership_id)
    changed = change_role(
        membership, role=request.POST.get("role", ""), by=request.user, address=client_address(request)
    )
    messages.success(request, f"{changed.user.email} is now {changed.get_role_display().lower()}.")
    return redirect("accounts:members", organisation)


@require_POST
@needs("read")
def remove(request: OrganisationRequest, organisation: str, membership_id: int) -> HttpResponse:
    """Everybody may leave; taking others out needs a role, which the service checks."""
    membership = get_object_or_404(Membership.objects.of(request.organisation), pk=membership_id)
    is_me = membership.user_id == request.user.pk
    remove_member(membership, by=request.user, address=client_address(request))
    if is_me:
        messages.success(request, f"You have left {request.organisation.name}.")
        return redirect("home")
    messages.success(request, f"{membership.user.email} is no longer a member.")
    return redirect("accounts:members", organisation)


@login_required
def accept(request: OrganisationRequest, token: str) -> HttpResponse:
    """The page behind the link of an invitation."""
    invitation = Invitation.objects.select_related("organisation").filter(token_digest=digest_of(token)).first()
    if invitation is None:
        raise Http404("no such invitation")
    if request.method == "POST":
        membership = accept_invitation(token, user=request.user, address=client_address(request))
        messages.success(request, f"Welcome to {membership.organisation.name}.")
        return redirect("overview", membership.organisation.slug)
    is_over = bool(invitation.accepted_at or invitation.revoked_at or invitation.expires_at <= timezone.now())
    is_mine = invitation.email.lower() == request.user.email.lower()
    return render(request, "accounts/accept.html", {"invitation": invitation, "is_over": is_over, "is_mine": is_mine})
