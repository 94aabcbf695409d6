"""Who is asking and for which organisation: for pages under /o/<slug>/, before any view runs."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django_htmx.middleware import HtmxDetails

from apps.accounts.models import Membership, Organisation, User
from apps.accounts.queries import membership_in
from apps.accounts.rules import role_may

PAGES = "/o/"


class OrganisationRequest(HttpRequest):
    """What a page under /o/<slug>/ receives: write `request: OrganisationRequest` in its signature."""

    organisation: Organisation
    membership: Membership
    user: User  # type: ignore[assignment]  # never anonymous here
    htmx: HtmxDetails


class OrganisationMiddleware:
    """Sets `request.organisation` and `request.membership`; who is no member gets the 404 of a wrong address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.organisation = None  # type: ignore[attr-defined]
        request.membership = None  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: tuple[object, ...], named: dict[str, Any]
    ) -> HttpResponse | None:
        if not request.path_info.startswith(PAGES):
            return None
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        membership = membership_in(request.user, named["organisation"])  # type: ignore[arg-type]
        if membership is None:
            raise Http404("no such organisation")
        request.organisation = membership.organisation  # type: ignore[attr-defined]
        request.membership = membership  # type: ignore[attr-defined]
        return None


def needs(action: str) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Decorate a page: 403 unless the member's role may do `action` (a word of rules.ACTIONS)."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
            if not role_may(request.membership.role, action):  # type: ignore[attr-defined]
                raise PermissionDenied(f"the role {request.membership.role} may not do that")  # type: ignore[attr-defined]
            return view(request, *args, **named)

        return guarded

    return decorate
