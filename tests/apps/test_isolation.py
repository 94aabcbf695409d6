"""Nobody reaches what is not his: every address × method × wrong caller, generated from the URL map.

The matrix is in isolation_rows.py, where it says how to add a row. A route without a row fails here; so does a row
whose route is gone, and a REST view whose `scopes` differ from its row. Each attempt must be refused and change nothing
in the database; the right caller must get through, or a refusal would prove nothing.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from apps.accounts.models import ApiKey
from apps.accounts.rules import role_may
from apps.accounts.services.revoke_api_key import revoke_api_key
from apps.rest.permissions import scope_for
from contracts.keys import SCOPES
from tests.apps.isolation_rows import (
    API,
    BODIES,
    CONSTANTS,
    NAMES_FOREIGN_IDS,
    OPEN,
    OTHER_PARAMETERS,
    PAGES,
    PARAMETERS,
    QUERIES,
)
from tests.apps.isolation_world import World, make_world
from tests.people import People, key_for

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
API_PREFIX, PAGE_PREFIX, INTERNAL_PREFIX = "api/v1/", "o/<slug:organisation>/", "internal/v1/"
SERVER_ERROR = 500


def routes(prefix: str) -> dict[str, URLPattern]:
    """Pattern after the prefix -> route, for everything below it."""

    def walk(resolver: URLResolver, before: str) -> Iterator[tuple[str, URLPattern]]:
        for entry in resolver.url_patterns:
            pattern = before + str(entry.pattern)
            if isinstance(entry, URLResolver):
                yield from walk(entry, pattern)
            else:
                yield pattern, entry

    found = dict(walk(get_resolver(), ""))
    return {name.removeprefix(prefix): route for name, route in found.items() if name.startswith(prefix)}


def methods_of(route: URLPattern) -> list[str]:
    view = route.callback.view_class  # type: ignore[attr-defined]
    return [method for method in METHODS if hasattr(view, method.lower())]


def address(prefix: str, pattern: str, ids: dict[str, Any]) -> str:
    """Fill the pattern's parameters with Alice's ids."""
    known = {name: ids[kind] for name, kind in PARAMETERS.items()} | CONSTANTS
    for start, others in OTHER_PARAMETERS.items():
        if pattern.startswith(start):
            known |= {name: ids[kind] for name, kind in others.items()}
    filled = pattern
    while "<" in filled:
        before, _, rest = filled.partition("<")
        parameter, _, after = rest.partition(">")
        filled = f"{before}{known[parameter.rpartition(':')[2]]}{after}"
    return prefix + filled


def snapshot() -> str:
    """A digest of every table but sessions; the time a key was last used may move."""
    tables = [t for t in connection.introspection.table_names() if t not in ("django_session", "django_migrations")]
    parts = [
        f"SELECT '{table}' AS name, md5(coalesce(string_agg(line, '' ORDER BY line), '')) FROM "
        f"(SELECT (to_jsonb(t) - 'last_used_at' - 'last_login')::text AS line FROM \"{table}\" t) lines"
        for table in tables
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts) + " ORDER BY name")
        return str(cursor.fetchall())


@pytest.fixture
def world(people: People, storage: Any) -> World:
    return make_world(people)


def with_key(secret: str) -> APIClient:
    return APIClient(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)


def signed_in(user: Any, **headers: str) -> APIClient:
    client = APIClient(headers=headers, raise_request_exception=False)
    client.force_login(user)
    return client


def call(client: Any, method: str, where: str, body: Any) -> Any:
    if method == "GET" or body is None:
        return client.generic(method, where)
    return client.generic(method, where, json.dumps(body), content_type="application/json")


class Refusals:
    """Callers that are refused; afterwards nothing in the database is different."""

    def __init__(self) -> None:
        self._before = snapshot()
        self._tried: list[str] = []

    def expect(self, answer: Any, allowed: tuple[int, ...], who: str) -> None:
        self._tried.append(who)
        assert answer.status_code in allowed, f"{who}: {answer.status_code} {getattr(answer, 'content', b'')[:300]!r}"

    def changed_nothing(self) -> None:
        assert snapshot() == self._before, f"one of these changed something: {', '.join(self._tried)}"
        self._tried.clear()


def gets_through(answer: Any) -> None:
    assert answer.status_code < 400, getattr(answer, "content", b"")[:300]
    answer.close()


# --- the map --------------------------------------------------------------------------------------------------------


def test_every_rest_route_has_a_row_and_every_row_a_route():
    assert set(routes(API_PREFIX)) - OPEN == set(API)


def test_every_page_of_an_organisation_has_a_row_and_every_row_a_page():
    assert set(routes(PAGE_PREFIX)) == set(PAGES)


@pytest.mark.parametrize("pattern", sorted(API))
def test_a_view_asks_for_what_its_row_says(pattern):
    route = routes(API_PREFIX)[pattern]
    view = route.callback.view_class  # type: ignore[attr-defined]
    assert {method: scope_for(view, method) for method in methods_of(route)} == API[pattern]


# --- REST -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("pattern", sorted(API))
def test_the_wrong_caller_is_refused_and_changes_nothing_but_the_right_key_gets_through(pattern: str, world: World):
    people = world.people
    where = address("/api/v1/", pattern, world.ids)
    lesser = {user: signed_in(user) for user in (people.viola, people.bob)}
    elsewhere = signed_in(people.charlie, **{"X-Organisation": people.organisation.pk})
    _, strangers_secret = key_for(people.elsewhere, people.charlie)
    revoked, revoked_secret = key_for(people.organisation, people.alice)
    revoke_api_key(revoked, by=people.alice)
    narrow = {action: key_for(people.organisation, people.alice, _without(action))[1] for action in SCOPES}
    roles = {people.viola: "viewer", people.bob: "member"}
    refusals = Refusals()
    for method, action in API[pattern].items():
        body = BODIES[method, pattern](world.ids) if (method, pattern) in BODIES else None
        refusals.expect(call(APIClient(), method, where, body), (401,), f"{method} anonymous")
        refusals.expect(call(with_key(revoked_secret), method, where, body), (401,), f"{method} revoked key")
        refusals.expect(call(elsewhere, method, where, body), (404,), f"{method} stranger in a session")
        refusals.expect(call(with_key(narrow[action]), method, where, body), (403,), f"{method} key without {action}")
        for user, client in lesser.items():
            if not role_may(roles[user], action):
                refusals.expect(call(client, method, where, body), (403,), f"{method} {roles[user]}")
        stranger = with_key(strangers_secret)
        if "<" in pattern:
            refusals.expect(call(stranger, method, where, body), (404,), f"{method} stranger's key, foreign id")
        elif (method, pattern) in NAMES_FOREIGN_IDS:
            refusals.expect(call(stranger, method, where, body), (403, 404, 422), f"{method} foreign id in the body")
        elif method == "GET":
            answer = call(stranger, method, where, None)
            assert answer.status_code < SERVER_ERROR
            shown = answer.content.decode()
            assert [kind for kind, one in world.ids.items() if "_" in str(one) and str(one) in shown] == []
        refusals.changed_nothing()
    if "GET" in API[pattern]:  # with the one scope the row names, and nothing more
        _, secret = key_for(people.organisation, people.alice, (API[pattern]["GET"],))
        gets_through(with_key(secret).get(where))


def test_an_endpoint_is_not_reached_by_its_name_either(world: World):
    _, secret = key_for(world.people.elsewhere, world.people.charlie)
    ids = {**world.ids, "endpoint": world.ids["endpoint_name"]}
    for pattern in (p for p in API if "<str:endpoint>" in p):
        for method in API[pattern]:
            body = BODIES[method, pattern](ids) if (method, pattern) in BODIES else None
            assert call(with_key(secret), method, address("/api/v1/", pattern, ids), body).status_code == 404


def _without(action: str) -> tuple[str, ...]:
    return tuple(scope for scope in SCOPES if scope != action)


# --- pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("pattern", sorted(PAGES))
def test_the_wrong_visitor_is_refused_and_changes_nothing_but_the_right_one_sees_the_page(pattern: str, world: World):
    people = world.people
    where = address(f"/o/{people.organisation.slug}/", pattern, world.ids)
    own = address(f"/o/{people.elsewhere.slug}/", pattern, world.ids)
    refusals = Refusals()
    roles = {people.viola: "viewer", people.bob: "member"}
    for method in ("GET", "POST"):
        action = PAGES[pattern].get(method)
        refusals.expect(Client().generic(method, where), (302,), f"{method} anonymous")
        stranger = Client(raise_request_exception=False)
        stranger.force_login(people.charlie)
        refusals.expect(stranger.generic(method, where), (404,), f"{method} stranger")
        if action and any(f"<{kind}:" in pattern for kind in ("str", "int")):
            refusals.expect(stranger.generic(method, own), (404,), f"{method} stranger at home, foreign id")
        for user, role in roles.items():
            if action and not role_may(role, action):
                client = Client(raise_request_exception=False)
                client.force_login(user)
                refusals.expect(client.generic(method, where), (403,), f"{method} {role}")
    refusals.changed_nothing()
    if "GET" in PAGES[pattern]:
        gets_through(signed_in(people.alice).get(where + QUERIES.get(pattern, "").format(**world.ids)))


# --- between machines -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_internal_api_knows_neither_people_nor_their_keys(world: World):
    people = world.people
    _, secret = key_for(people.organisation, people.alice)
    callers = [APIClient(), with_key(secret), with_key("myn_made-up"), with_key("myr_made-up"), signed_in(people.alice)]
    refusals = Refusals()
    for pattern, route in routes(INTERNAL_PREFIX).items():
        where = address("/internal/v1/", pattern, world.ids)
        for method in methods_of(route):
            for caller in callers:
                refusals.expect(call(caller, method, where, {}), (401, 403), f"{method} {pattern}")
    refusals.changed_nothing()
    assert ApiKey.objects.filter(revoked_at=None).exists()


@pytest.mark.django_db
def test_the_console_is_for_operators(people: People):
    client = Client()
    client.force_login(people.alice)
    for where in ("/console/", "/console/accounts/organisation/", "/console/accounts/apikey/"):
        assert client.get(where).status_code == 302
