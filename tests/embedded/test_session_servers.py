"""The session's own servers answer, and nobody without the password gets in."""

import os
from urllib.parse import urlsplit

import psycopg
import pytest
import redis


def test_postgres_answers_and_keeps_utc() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        assert connection.execute("show timezone").fetchone() == ("UTC",)
        assert connection.execute("show server_encoding").fetchone() == ("UTF8",)


def test_postgres_refuses_a_wrong_password() -> None:
    url = os.environ["DATABASE_URL"]
    wrong = url.replace(urlsplit(url).password or "", "wrong")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(wrong)


def test_redis_refuses_a_client_without_the_password(redis_url: str) -> None:
    port = urlsplit(redis_url).port
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=port or 6379).ping()


def test_redis_never_evicts_and_keeps_its_file(redis_server: redis.Redis) -> None:
    assert redis_server.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert redis_server.config_get("appendonly") == {"appendonly": "yes"}


@pytest.mark.django_db
def test_the_schema_of_every_app_is_in_the_test_database() -> None:
    from django.db import connection

    tables = connection.introspection.table_names()
    assert {"django_migrations"} <= set(tables)
    assert any(name.startswith("accounts_") for name in tables)
