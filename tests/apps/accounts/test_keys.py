"""API keys: shown once, digested, limited, ended."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.accounts.models import ApiKey, AuditEntry
from apps.accounts.services.create_api_key import create_api_key
from apps.accounts.services.revoke_api_key import revoke_api_key
from contracts.keys import KEY_PATTERN, digest_key
from contracts.problems import Problem
from contracts.serving import RatePolicy

pytestmark = pytest.mark.django_db


def make(people, **changes):
    wishes = {"name": "ci", "scopes": ["read"], "created_by": people.alice, **changes}
    return create_api_key(people.organisation, **wishes)


def test_the_secret_is_in_no_table(people):
    key, secret = make(people)
    assert KEY_PATTERN.fullmatch(secret)
    random_part = secret.rsplit("_", 1)[1][:32]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{random_part}%"])
            assert cursor.fetchone() == (0,), table
    assert key.digest == digest_key(settings.KEY_PEPPER.encode(), secret)
    assert key.last_four == secret[-4:]


def test_limits_and_scopes_are_kept_as_given(people):
    policy = RatePolicy("burst", quota=10, window_s=60, burst=20)
    until = timezone.now() + timedelta(days=1)
    key, _ = make(people, scopes=["write", "read", "read"], policies=[policy], endpoints=["ep_1"], expires_at=until)
    key.refresh_from_db()
    assert key.scopes == ["read", "write"]
    assert RatePolicy(**key.policies[0]) == policy
    assert key.endpoints == ["ep_1"]
    assert key.expires_at == until


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"name": "  "}, "name"),
        ({"mode": "prod"}, "mode"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expires_at"),
    ],
)
def test_a_useless_wish_names_its_field(people, changes, field):
    with pytest.raises(Problem) as refused:
        make(people, **changes)
    assert [error["location"] for error in refused.value.errors] == [field]
    assert not ApiKey.objects.exists()


def test_making_and_revoking_leave_a_line_each_in_the_audit_log(people):
    key, _ = make(people)
    revoke_api_key(key, by=people.alice)
    first = revoke_api_key(key, by=people.alice).revoked_at
    assert first == key.revoked_at is not None
    lines = AuditEntry.objects.of(people.organisation).order_by("id").values_list("action", "subject", "actor")
    assert list(lines) == [("key.create", key.pk, people.alice.pk), ("key.revoke", key.pk, people.alice.pk)]
