"""The audit log: a chain in which every tampering but a cut-off end shows."""

import threading

import pytest
from django.db import DatabaseError, connection, transaction

from apps.accounts.models import AuditEntry
from apps.accounts.queries import verify_audit_chain
from apps.accounts.services.record_audit import record_audit


@pytest.fixture
def lines(people):
    details = {"price": 0.1, "text": "Grüße\x00", "nested": [{"n": 10**20}, None, True]}
    return [
        record_audit(people.organisation, actor=people.alice, action=f"a{n}", details=details, address="10.0.0.1")
        for n in range(5)
    ]


def tamper(statement: str, *values: object) -> None:
    """As somebody with the database's own rights could."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.mark.django_db
def test_an_untouched_chain_is_whole(people, lines):
    record_audit(people.elsewhere, actor="system", action="other")
    record_audit(None, actor="system", action="installation")
    for organisation, count in ((people.organisation, 5), (people.elsewhere, 1), (None, 1)):
        verdict = verify_audit_chain(organisation)
        assert verdict.is_whole
        assert verdict.entries == count


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts_auditentry SET action = 'nothing' WHERE id = %s",
        "UPDATE accounts_auditentry SET details = '{}' WHERE id = %s",
        "UPDATE accounts_auditentry SET at = at + interval '1 second' WHERE id = %s",
        "UPDATE accounts_auditentry SET actor_label = 'bob' WHERE id = %s",
        "UPDATE accounts_auditentry SET address = NULL WHERE id = %s",
    ],
)
def test_a_changed_line_shows(people, lines, change):
    tamper(change, lines[2].pk)
    assert verify_audit_chain(people.organisation).broken_at == lines[2].pk


@pytest.mark.django_db
def test_a_removed_line_shows(people, lines):
    tamper("DELETE FROM accounts_auditentry WHERE id = %s", lines[2].pk)
    assert verify_audit_chain(people.organisation).broken_at == lines[3].pk


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement", ["UPDATE accounts_auditentry SET action = 'x'", "DELETE FROM accounts_auditentry"]
)
def test_the_application_cannot_change_or_remove_lines(people, lines, statement):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_eight_writers_at_once_make_one_chain(people):
    def work(n: int) -> None:
        for m in range(5):
            record_audit(people.organisation, actor="system", action=f"w{n}.{m}")
        connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = verify_audit_chain(people.organisation)
    assert verdict.is_whole
    assert verdict.entries == AuditEntry.objects.of(people.organisation).count() == 40
