"""The audit log: who did what, newest first."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.accounts.models import AuditEntry
from apps.accounts.queries import verify_audit_chain

PAGE = 50


@needs("admin")
def audit(request: OrganisationRequest, organisation: str) -> HttpResponse:
    entries = AuditEntry.objects.of(request.organisation).order_by("-id")
    action = request.GET.get("action", "")
    if action:
        entries = entries.filter(action__startswith=action)
    page = Paginator(entries, PAGE).get_page(request.GET.get("page"))
    verdict = verify_audit_chain(request.organisation) if "verify" in request.GET else None
    return render(request, "accounts/audit.html", {"page": page, "action": action, "verdict": verdict})
