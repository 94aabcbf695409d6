"""Who speaks for a run: its trainer, known by the token of one attempt. `request.auth` is the Attempt.

A token outlives its attempt by a few minutes, in which it can change nothing any more: a trainer that repeats a
finish gets its answer again, and one that was replaced is told so (409) instead of being taken for a stranger (401).
"""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.compute.authentication import bearer_token
from apps.training.models import Attempt
from contracts.keys import digest_token
from contracts.problems import Problem

_KNOWN_AFTER_END = timedelta(minutes=10)


class RunTokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Attempt]:
        token = bearer_token(request, "myr")
        attempt = token and Attempt.objects.select_related("run").filter(token_digest=digest_token(token)).first()
        if not attempt or (attempt.ended_at is not None and attempt.ended_at < timezone.now() - _KNOWN_AFTER_END):
            raise Problem("yours:not-authenticated", "This run token is unknown or has ended.")
        return AnonymousUser(), attempt

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def attempt_of(request: Request) -> Attempt:
    """The attempt that speaks; behind IsOwnRun there is always one."""
    if not isinstance(request.auth, Attempt):
        raise Problem("yours:not-authenticated", "This address is for the trainer of a run.")
    return request.auth


class IsOwnRun(BasePermission):
    """A run token opens the addresses of its own run only; another run's do not exist for it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, Attempt) and view.kwargs.get("run_id") == request.auth.run_id:
            return True
        raise Problem("yours:not-found", "This token belongs to another run.")
