"""Clients for the REST tests: one per credential."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.people import People, key_for


@pytest.fixture
def as_key(people: People) -> Callable[..., APIClient]:
    """A client with a key of Alice's organisation, all scopes unless named."""

    def client(*scopes: str, **more: Any) -> APIClient:
        _, secret = key_for(people.organisation, people.alice, **({"scopes": scopes} if scopes else {}))
        return APIClient(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False, **more)

    return client


@pytest.fixture
def as_user() -> Callable[..., APIClient]:
    """A client with a browser session; CSRF is checked when asked for."""

    def client(user: Any, *, csrf: bool = False) -> APIClient:
        signed_in = APIClient(enforce_csrf_checks=csrf, raise_request_exception=False)
        signed_in.force_login(user)
        return signed_in

    return client
