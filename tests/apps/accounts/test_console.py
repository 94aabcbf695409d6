"""The console's pages of people, keys, audit, switches and the outbox: what operators may and may not do there."""

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import AuditEntry, Switch, User
from apps.outbox.models import OutboxMessage
from apps.outbox.services.send import send
from tests.people import PASSWORD, key_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def console() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", PASSWORD))
    return client


@pytest.fixture
def dead_message() -> OutboxMessage:
    message = send("mail", {"kind": "plain", "to": ["a@b.c"], "subject": "x", "text": "y"}, dedupe_key="dead")
    OutboxMessage.objects.filter(pk=message.pk).update(dead_at=timezone.now(), attempts=12)
    return message


def audited() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("action", "actor_label"))


def test_every_list_and_form_opens(console, people, dead_message):
    key, _ = key_for(people.organisation, people.alice)
    pages = [f"accounts/{name}/" for name in ("user", "organisation", "membership", "invitation", "apikey")]
    pages += ["accounts/auditentry/", "accounts/switch/", "accounts/user/add/", f"accounts/apikey/{key.pk}/change/"]
    pages += [f"accounts/user/{people.bob.pk}/change/", f"accounts/organisation/{people.organisation.pk}/change/"]
    pages += ["accounts/switch/read-only/change/", "outbox/outboxmessage/?state=dead", "outbox/inboxmessage/"]
    pages += [f"outbox/outboxmessage/{dead_message.pk}/change/"]
    for page in pages:
        answer = console.get(f"/console/{page}")
        assert answer.status_code == 200, page
        assert key.digest not in answer.content.decode()


def test_flipping_a_switch_is_audited(console):
    console.post("/console/accounts/switch/read-only/change/", {"is_on": "on", "reason": "moving"})
    assert Switch.objects.get(name="read-only").is_on
    assert audited() == [("switch.on", "root@example.com")]


def test_a_key_can_be_revoked_and_nothing_else(console, people):
    key, _ = key_for(people.organisation, people.alice)
    assert console.post(f"/console/accounts/apikey/{key.pk}/change/", {"name": "x"}).status_code == 403
    console.post("/console/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]})
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert audited()[-1] == ("key.revoke", "root@example.com")


def test_a_dead_message_may_try_again(console, dead_message):
    console.post("/console/outbox/outboxmessage/", {"action": "try_again", "_selected_action": [dead_message.pk]})
    dead_message.refresh_from_db()
    assert (dead_message.dead_at, dead_message.attempts) == (None, 0)


def test_suspending_an_organisation_and_making_a_user_are_audited(console, people):
    form = {"suspended_reason": "unpaid", "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    console.post(f"/console/accounts/organisation/{people.organisation.pk}/change/", form)
    people.organisation.refresh_from_db()
    assert people.organisation.suspended_reason == "unpaid"
    console.post(
        "/console/accounts/user/add/",
        {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"},
    )
    assert User.objects.filter(email="new@example.com").exists()
    assert [action for action, _ in audited()] == ["organisation.suspend", "user.create"]


def test_the_audit_log_cannot_be_edited(console, people):
    flipped = {"is_on": "on"}
    console.post("/console/accounts/switch/read-only/change/", flipped)
    line = AuditEntry.objects.get()
    assert console.post(f"/console/accounts/auditentry/{line.pk}/change/", {"action": "x"}).status_code == 403
    assert console.post(f"/console/accounts/auditentry/{line.pk}/delete/", {"post": "yes"}).status_code == 403
