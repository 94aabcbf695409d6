"""Who forgot a password gets a link that works once, and gets in with the new one."""

import re

import pytest
from django.core import mail

from tests.people import PASSWORD

pytestmark = pytest.mark.django_db
NEW = "another horse, another battery"


def test_the_mailed_link_sets_a_new_password_once(client, people):
    client.post("/accounts/password/reset/", {"email": people.alice.email})
    path = re.search(r"http://[^/]+(/accounts/password/reset/key/\S+)", mail.outbox[-1].body).group(1)
    form = client.get(path, follow=True)
    assert form.status_code == 200
    set_at = form.redirect_chain[-1][0]
    client.post(set_at, {"password1": NEW, "password2": NEW})
    people.alice.refresh_from_db()
    assert people.alice.check_password(NEW)
    assert not people.alice.check_password(PASSWORD)
    client.session.flush()
    again = client.get(path, follow=True)
    assert "password1" not in again.content.decode()


def test_an_unknown_address_gets_the_same_page_and_no_link(client, people):
    known = client.post("/accounts/password/reset/", {"email": people.alice.email})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.com"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert not [letter for letter in mail.outbox if "nobody@example.com" in letter.to and "/key/" in letter.body]
