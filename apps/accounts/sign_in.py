"""How people sign in: allauth's e-mail and password check behind our own exact count of wrong passwords."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from apps.accounts.client_address import client_address
from apps.accounts.password_attempts import admit


class CountedPasswordBackend(AuthenticationBackend):
    """The only backend, so that login pages, the console and re-authentication are all counted."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> AbstractBaseUser | None:  # type: ignore[override]
        account = credentials.get("email") or credentials.get("username")
        if not account or not credentials.get("password"):
            return None
        attempt = admit(str(account), client_address(request) if request is not None else None)
        if attempt is None:
            raise PermissionDenied("too many wrong passwords")  # Django stops here and says: not signed in
        user = super().authenticate(request, **credentials)
        if user is not None:
            attempt.was_right()
        return user


class AccountAdapter(DefaultAccountAdapter):
    """allauth's own, coarser limits see the same network address as ours."""

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "unknown"
