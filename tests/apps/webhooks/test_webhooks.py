"""Webhooks to customers: signed as Standard Webhooks says, once per event, never into our own network."""

import json
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.utils import timezone
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from apps.outbox.services.dispatch import dispatch_waiting
from apps.webhooks import safe_post as calling
from apps.webhooks.models import Attempt, Delivery, Event, Webhook
from apps.webhooks.rules import DISABLED_AFTER_S, WAITS_S, is_public, url_objection
from apps.webhooks.services.change_webhook import change_webhook, create_webhook, redeliver, rotate_secret, send_ping
from apps.webhooks.services.deliver_due import deliver_due
from apps.webhooks.services.emit import emit
from apps.webhooks.signing import secret_of
from contracts.problems import Problem


class Receiver(ThreadingHTTPServer):
    """A customer's server: keeps what it gets, answers what it is told to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.got, self.status, self.location, self.body = [], 204, "", b""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body.decode()))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver(settings):
    server = Receiver()
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hook(people, receiver):
    return create_webhook(people.organisation, url=receiver.url, by=people.alice)


def tell(organisation, key="one", kind="invoice.closed"):
    emit(organisation, kind, {"invoice": "inv_1"}, dedupe_key=key)
    dispatch_waiting()


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "192.168.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "ff02::1",
        ],
    )
    def test_no_way_to_write_an_inner_address_is_public(self, address):
        assert is_public(address) is False

    @pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
    def test_what_everybody_reaches_is_public(self, address):
        assert is_public(address) is True

    @pytest.mark.parametrize(
        "url",
        [
            "http://example.com/",
            "https://example.com:8443/",
            "https://user@example.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "ftp://example.com/",
            "https:///path",
            "https://exa mple.com/",
            "https://example.com:99999/",
            "nonsense",
        ],
    )
    def test_addresses_that_are_refused_when_they_are_given(self, url):
        assert url_objection(url)

    @pytest.mark.parametrize("found", [[], ["10.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:127.0.0.1"]])
    def test_a_name_is_refused_when_any_of_its_addresses_is_inside_or_it_has_none(self, monkeypatch, found):
        answers = [(2, 1, 6, "", (address, 443)) for address in found]
        monkeypatch.setattr(calling.socket, "getaddrinfo", lambda *args, **named: answers)
        answer = calling.safe_post("https://rebind.example.com/", b"{}", {})
        assert answer.status is None
        assert "not a public address" in answer.error or "no address" in answer.error

    def test_a_name_that_cannot_be_resolved_is_an_error_and_no_way_around(self, monkeypatch):
        def fails(*args, **named):
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(calling.socket, "getaddrinfo", fails)
        assert (
            calling.safe_post("https://gone.example.com/", b"{}", {}).error
            == "the name gone.example.com has no address"
        )


@pytest.mark.django_db
class TestDeliveries:
    def test_the_receiver_can_check_the_signature_with_the_published_library(self, people, hook, receiver):
        tell(people.organisation)
        assert deliver_due() == 1
        headers, body = receiver.got[0]
        assert Verifier(secret_of(hook)).verify(body, headers)["data"]["invoice"] == "inv_1"
        assert headers["webhook-id"] == Event.objects.get().pk
        with pytest.raises(WebhookVerificationError):
            Verifier(secret_of(hook)).verify(body.replace("inv_1", "inv_2"), headers)

    def test_the_same_thing_is_told_once(self, people, hook, receiver):
        assert emit(people.organisation, "invoice.closed", {}, dedupe_key="x") is True
        assert emit(people.organisation, "invoice.closed", {}, dedupe_key="x") is False
        assert emit(people.elsewhere, "invoice.closed", {}, dedupe_key="x") is True  # keys are the organisation's own
        dispatch_waiting()
        deliver_due()
        assert deliver_due() == 0
        assert len(receiver.got) == 1

    def test_only_the_events_that_were_asked_for_come(self, people, hook, receiver):
        change_webhook(hook, kinds=["run.finished"], by=people.alice)
        tell(people.organisation)
        tell(people.organisation, "two", "run.finished")
        deliver_due()
        assert [json.loads(body)["type"] for _, body in receiver.got] == ["run.finished"]

    def test_after_a_rotation_both_secrets_fit_for_a_day_and_then_the_new_one(self, people, hook, receiver):
        old = secret_of(hook)
        rotated = rotate_secret(hook, by=people.alice)
        tell(people.organisation)
        deliver_due()
        headers, body = receiver.got[0]
        assert Verifier(old).verify(body, headers)
        assert Verifier(secret_of(rotated)).verify(body, headers)
        Webhook.objects.update(old_secret_until=timezone.now() - timedelta(seconds=1))
        tell(people.organisation, "later")
        deliver_due()
        headers, body = receiver.got[1]
        with pytest.raises(WebhookVerificationError):
            Verifier(old).verify(body, headers)
        assert Verifier(secret_of(rotated)).verify(body, headers)

    def test_failures_are_tried_again_for_days_then_given_up_and_can_be_sent_again(self, people, hook, receiver):
        receiver.status = 500
        tell(people.organisation)
        moment = timezone.now()
        for wait_s in (0, *WAITS_S):
            moment += timedelta(seconds=wait_s)
            assert deliver_due(now=moment - timedelta(seconds=1)) == 0 or wait_s == 0
            deliver_due(now=moment + timedelta(seconds=1))
            moment += timedelta(seconds=1)
        delivery = Delivery.objects.get()
        assert (delivery.state, delivery.attempts) == ("failed", len(WAITS_S) + 1)
        assert Attempt.objects.count() == len(receiver.got) == len(WAITS_S) + 1
        receiver.status = 200
        redeliver(delivery, by=people.alice)
        assert deliver_due() == 1
        assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1

    def test_redirects_are_not_followed_and_long_answers_not_read(self, people, hook, receiver):
        receiver.status, receiver.location = 302, "http://169.254.169.254/latest"
        tell(people.organisation)
        assert deliver_due() == 0
        receiver.status, receiver.location, receiver.body = 200, "", b"x" * 100_000
        redeliver(Delivery.objects.get(), by=people.alice)
        assert deliver_due() == 0
        errors = list(Attempt.objects.order_by("pk").values_list("error", flat=True))
        assert errors == ["answered 302", "the answer is longer than 65536 bytes"]

    def test_one_that_is_gone_or_fails_for_days_is_switched_off(self, people, hook, receiver):
        receiver.status = 410
        tell(people.organisation)
        deliver_due()
        hook.refresh_from_db()
        assert hook.state == "disabled"
        assert Event.objects.filter(kind="webhook.disabled").count() == 1
        change_webhook(hook, disabled=False, by=people.alice)
        receiver.status = 500
        since = timezone.now() - timedelta(seconds=DISABLED_AFTER_S + 1)
        Webhook.objects.update(failing_since=since)
        tell(people.organisation, "two")
        deliver_due()
        hook.refresh_from_db()
        assert hook.state == "disabled"

    def test_a_private_address_is_refused_by_the_service(self, people, settings):
        settings.WEBHOOK_ALLOWED_HOSTS = []
        with pytest.raises(Problem) as refused:
            create_webhook(people.organisation, url="https://10.0.0.1/", by=people.alice)
        assert refused.value.errors[0]["location"] == "url"

    def test_a_ping_goes_to_this_webhook_alone(self, people, hook, receiver):
        create_webhook(people.organisation, url=receiver.url + "/other", by=people.alice)
        send_ping(hook)
        dispatch_waiting()
        deliver_due()
        assert [json.loads(body)["type"] for _, body in receiver.got] == ["ping"]

    def test_over_rest_the_secret_is_shown_when_made_and_when_rotated(self, people, receiver, client):
        client.force_login(people.alice)
        headers = {"X-Organisation": people.organisation.pk}
        made = client.post(
            "/api/v1/webhooks", json.dumps({"url": receiver.url}), content_type="application/json", headers=headers
        )
        assert made.status_code == 201, made.content
        assert made.json()["secret"].startswith("whsec_")
        where = f"/api/v1/webhooks/{made.json()['id']}"
        assert "secret" not in client.get(where, headers=headers).json()
        rotated = client.post(f"{where}/rotate", "{}", content_type="application/json", headers=headers)
        assert rotated.json()["secret"] != made.json()["secret"]
