"""A few views that obey the REST rules, for the tests of those rules."""

from typing import Any

from django.http import HttpResponse, HttpResponseNotFound
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import AuditEntry
from apps.accounts.services.record_audit import record_audit
from apps.rest.idempotency import idempotent
from apps.rest.paging import page
from contracts.problems import Problem


class Echo(APIView):
    scopes = {"DELETE": "billing"}

    def get(self, request: Request) -> Response:
        return Response({"organisation": request.organisation.pk, "user": str(request.user)})

    def post(self, request: Request) -> Response:
        return Response({"got": request.data})

    def delete(self, request: Request) -> Response:
        return Response(status=204)


class Once(APIView):
    @idempotent
    def post(self, request: Request) -> Response:
        if request.data.get("refuse"):
            raise Problem("yours:state")
        entry = record_audit(request.organisation, actor="test", action="once")
        if request.data.get("crash"):
            raise RuntimeError("crashed after the effect")
        return Response({"entry": entry.pk, "secret": "s3cret-word"}, 201, headers={"Location": "/x"})


class Listing(APIView):
    def get(self, request: Request) -> Response:
        return page(request, AuditEntry.objects.of(request.organisation), lambda entry: entry.action)


class Broken(APIView):
    def get(self, request: Request) -> Response:
        raise RuntimeError("a bug with a secret in it")


def plain_broken(request: Any) -> HttpResponse:
    raise RuntimeError("a bug outside DRF")


api = [
    path("echo", Echo.as_view()),
    path("once", Once.as_view()),
    path("listing", Listing.as_view()),
    path("broken", Broken.as_view()),
    path("plain-broken", plain_broken),
]
urlpatterns = [
    path("api/v1/", include(api)),
    path("o/<slug:organisation>/page", lambda request, organisation: HttpResponse()),
]


def handler404(request: Any, exception: Exception) -> HttpResponse:
    return HttpResponseNotFound("<h1>a page</h1>")
