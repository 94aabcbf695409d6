"""The outbox under failure: each message is handled at least once and applied once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.outbox.models import InboxMessage, OutboxMessage
from apps.outbox.rules import MAX_ATTEMPTS, wait_after_s
from apps.outbox.services import dispatch as dispatching
from apps.outbox.services.dispatch import dispatch_waiting
from apps.outbox.services.receive import receive_once
from apps.outbox.services.send import send

HERE = "tests.apps.outbox.handlers"


@pytest.fixture(autouse=True)
def handlers(settings, db):
    from tests.apps.outbox import handlers

    OutboxMessage.objects.all().delete()  # migrations leave some for the handlers of the real settings

    settings.OUTBOX_HANDLERS = {name: f"{HERE}.{name}" for name in ("note", "fail", "fail_after_effect", "apply")}
    handlers.seen.clear()
    return handlers


@pytest.mark.django_db
def test_a_message_leaves_once_per_dedupe_key(handlers):
    send("note", {"n": 1}, dedupe_key="a")
    send("note", {"n": 2}, dedupe_key="a")
    assert dispatch_waiting() == 1
    assert dispatch_waiting() == 0
    assert handlers.seen == [{"n": 1}]


@pytest.mark.django_db
def test_an_unknown_topic_is_refused_when_it_is_sent():
    with pytest.raises(LookupError):
        send("no-such-topic", {}, dedupe_key="a")


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_transaction_sends_nothing(handlers):
    with transaction.atomic():
        send("note", {}, dedupe_key="a")
        transaction.set_rollback(True)
    assert dispatch_waiting() == 0
    assert handlers.seen == []


@pytest.mark.django_db
def test_a_message_waits_for_its_time(handlers):
    send("note", {}, dedupe_key="a", available_at=timezone.now() + timedelta(hours=1))
    assert dispatch_waiting() == 0


@pytest.mark.django_db
def test_a_failing_message_waits_longer_each_time_and_dies_after_twelve(handlers):
    send("fail", {}, dedupe_key="a")
    send("note", {}, dedupe_key="b")
    assert dispatch_waiting() == 1, "the failing one must not hold up the other"
    waits = []
    for attempt in range(2, MAX_ATTEMPTS + 1):
        message = OutboxMessage.objects.get(dedupe_key="a")
        assert message.dead_at is None
        waits.append(round((message.available_at - timezone.now()).total_seconds()))
        OutboxMessage.objects.filter(pk=message.pk).update(available_at=timezone.now())
        dispatch_waiting()
        assert OutboxMessage.objects.get(pk=message.pk).attempts == attempt
    message.refresh_from_db()
    assert message.dead_at is not None
    assert "told to fail" in message.last_error
    assert waits == sorted(waits)
    assert wait_after_s(MAX_ATTEMPTS - 1) == pytest.approx(3600, abs=60)
    OutboxMessage.objects.filter(pk=message.pk).update(available_at=timezone.now())
    dispatch_waiting()
    assert OutboxMessage.objects.get(pk=message.pk).attempts == MAX_ATTEMPTS, "the dead are left alone"


@pytest.mark.django_db
def test_what_a_handler_wrote_before_it_failed_is_taken_back(handlers):
    send("fail_after_effect", {"id": "m1"}, dedupe_key="a")
    dispatch_waiting()
    assert not InboxMessage.objects.filter(message_id="m1").exists()


@pytest.mark.django_db
def test_a_dispatcher_that_was_killed_is_succeeded_after_its_lease(handlers):
    message = send("note", {"n": 1}, dedupe_key="a")
    claimed = dispatching._claim(timezone.now())  # then kill -9
    assert [each.pk for each in claimed] == [message.pk]
    assert dispatch_waiting() == 0, "the lease still runs"
    OutboxMessage.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert dispatch_waiting() == 1
    assert dispatching._handle(claimed[0]) is False, "the late comer may not handle it again"
    assert handlers.seen == [{"n": 1}]


@pytest.mark.django_db(transaction=True)
def test_four_dispatchers_at_once_apply_each_message_once(handlers):
    for n in range(250):
        send("apply", {"id": f"m{n}"}, dedupe_key=f"m{n}")
    done: list[int] = []

    def work() -> None:
        done.append(dispatch_waiting())
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while dispatch_waiting():
        pass
    assert sum(done) == 250
    assert InboxMessage.objects.count() == 250
    assert not OutboxMessage.objects.filter(done_at=None).exists()


@pytest.mark.django_db
def test_a_message_received_twice_has_its_effect_once():
    with transaction.atomic():
        assert receive_once("billing", "evt_1", {"a": 1})
        assert not receive_once("billing", "evt_1", {"a": 1})
        assert receive_once("metering", "evt_1", {"a": 1}), "another consumer has its own inbox"


@pytest.mark.django_db(transaction=True)
def test_a_receipt_outside_a_transaction_is_refused():
    with pytest.raises(transaction.TransactionManagementError):
        receive_once("billing", "evt_1", {})
    with transaction.atomic():
        receive_once("billing", "evt_1", {})
        transaction.set_rollback(True)
    with transaction.atomic():
        assert receive_once("billing", "evt_1", {}), "the failed effect left no receipt"
