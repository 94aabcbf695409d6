"""Password guessing: at most ten wrong passwords per account in 15 minutes, from however many places at once."""

import threading

import pytest
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.db import connection
from django.test import RequestFactory

from apps.accounts import password_attempts
from apps.accounts.models import User
from tests.people import PASSWORD


@pytest.fixture(autouse=True)
def fresh(redis_server, monkeypatch):
    password_attempts._local.clear()
    monkeypatch.setattr(password_attempts, "_quiet_until", 0.0)


@pytest.fixture
def without_redis(settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    password_attempts._client.cache_clear()
    yield
    password_attempts._client.cache_clear()


@pytest.fixture
def checks(monkeypatch) -> list[str]:
    """Every time a password is really compared with one."""
    seen: list[str] = []
    original = User.check_password

    def counted(user: User, password: str) -> bool:
        seen.append(user.email)
        return original(user, password)

    monkeypatch.setattr(User, "check_password", counted)
    return seen


def guess(email: str, password: str = "wrong", address: str = "10.0.0.1"):
    request = RequestFactory().post("/accounts/login/", REMOTE_ADDR=address)
    return authenticate(request, email=email, password=password)


@pytest.mark.django_db(transaction=True)
def test_64_guessers_at_once_get_ten_checks(people, checks):
    def work(n: int) -> None:
        for _ in range(4):
            assert guess(people.alice.email, address=f"10.0.{n}.1") is None
        connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(checks) == password_attempts.PER_ACCOUNT
    assert guess(people.alice.email, PASSWORD) is None, "the right password must not tell itself apart now"
    assert guess(people.bob.email, PASSWORD, address="10.0.99.1") == people.bob


@pytest.mark.django_db
def test_the_right_password_never_uses_up_the_count(people):
    for _ in range(25):
        assert guess(people.alice.email, PASSWORD) == people.alice
    assert guess(people.alice.email.upper(), PASSWORD) == people.alice


@pytest.mark.django_db
def test_one_address_may_not_try_many_accounts(people, checks):
    for n in range(password_attempts.PER_ADDRESS):
        guess(f"nobody{n}@example.com")
    assert guess(people.alice.email, PASSWORD) is None
    assert guess(people.alice.email, PASSWORD, address="10.0.0.2") == people.alice
    assert checks == [people.alice.email]


@pytest.mark.django_db
def test_the_console_counts_too(people, checks, client):
    for _ in range(15):
        client.post("/console/login/", {"username": people.alice.email, "password": "wrong"})
    assert len(checks) == password_attempts.PER_ACCOUNT


@pytest.mark.django_db
def test_without_redis_guessing_is_limited_and_signing_in_works(people, checks, without_redis):
    for _ in range(20):
        guess(people.alice.email)
    assert len(checks) == password_attempts.LOCAL_LIMIT
    assert guess(people.bob.email, PASSWORD, address="10.0.0.9") == people.bob


def test_rate_limits_of_the_forms_go_on_locally_without_redis(settings):
    from apps.accounts.cache import RedisOrLocalCache

    away = RedisOrLocalCache("redis://127.0.0.1:1/0", {"OPTIONS": {"socket_connect_timeout": 0.1}})
    assert away.add("x", [1.5], 60)
    assert not away.add("x", [2.5], 60)
    assert away.get("x") == [1.5]
    away.delete("x")
    assert away.get("x") is None


def test_cached_values_are_json_in_redis(redis_server):
    cache.set("history", [1.5, 2.0], 60)
    assert cache.get("history") == [1.5, 2.0]
    raw = redis_server.get(cache.make_key("history"))
    assert raw == b"[1.5, 2.0]"
