"""Credit is granted once however webhooks come; Stripe counts each delta once through every fault."""

import json
import random
import threading
import time
from datetime import timedelta

import httpx
import pytest
import stripe
from django.db import connection
from django.utils import timezone

from apps.billing.models import StripeCustomer, StripePush, TopUp
from apps.billing.services.ensure_customer import ensure_customer
from apps.billing.services.push_usage import push_usage
from apps.billing.services.receive_webhook import receive_webhook
from apps.billing.services.settle_top_up import refresh_top_up
from apps.billing.services.start_top_up import start_top_up
from apps.billing.stripe_client import stripe_client
from apps.billing.stripe_double.faults import Faults
from apps.billing.stripe_double.server import signature
from apps.ledger.models import LedgerTransaction
from apps.ledger.services.fill_price_book import fill_price_book
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.models import UsageEvent
from apps.outbox.models import InboxMessage
from contracts.problems import Problem
from tests.people import make_people

pytestmark = pytest.mark.django_db
DOLLARS_20 = 20_000_000


def paid_event(double, top_up):
    """Pay on the double's page, as a browser would, and return the webhook's body."""
    answer = httpx.post(top_up.checkout_url)
    assert answer.status_code == 303
    assert f"top_up={top_up.pk}" in answer.headers["Location"]
    return event_of(double, "checkout.session.completed", top_up)


def event_of(double, kind, top_up):
    events = double.store.objects["event"].values()
    found = [one for one in events if one["type"] == kind and one["data"]["object"]["id"] == top_up.checkout_session]
    return json.dumps(found[-1]).encode()


def sent(double, body, at_s=None):
    return receive_webhook(body, signature(body, double.secret, at_s))


def stripe_counts(double):
    return sum(int(event["payload"]["value"]) for event in double.store.meter_events.values())


class TestTopUps:
    def test_a_top_up_is_paid_on_the_page_and_becomes_credit(self, people, double, books_are_right):
        top_up = start_top_up(people.organisation, amount_micros=DOLLARS_20)
        page = httpx.get(top_up.checkout_url)
        assert "20.00 USD" in page.text
        assert sent(double, paid_event(double, top_up)) is True
        top_up.refresh_from_db()
        assert top_up.state == "paid"
        assert credit_wallet(people.organisation).available_micros == DOLLARS_20
        assert LedgerTransaction.objects.get(ref=f"stripe:checkout:{top_up.checkout_session}").kind == "topup"
        assert books_are_right()

    def test_fifty_webhooks_shuffled_and_at_the_same_moment_give_one_credit_each(self, people, double, books_are_right):
        dice = random.Random(11)
        bodies = []
        for _ in range(3):
            top_up = start_top_up(people.organisation, amount_micros=DOLLARS_20)
            bodies += [paid_event(double, top_up)] * 17
        dice.shuffle(bodies)
        assert [sent(double, body) for body in bodies].count(True) == 3
        assert credit_wallet(people.organisation).available_micros == 3 * DOLLARS_20
        assert InboxMessage.objects.filter(consumer="stripe").count() == 3
        assert books_are_right()

    def test_a_webhook_is_only_a_hint_and_the_object_decides(self, people, double):
        top_up = start_top_up(people.organisation, amount_micros=DOLLARS_20)
        event = double.make_event(
            "checkout.session.completed", double.store.objects["session"][top_up.checkout_session]
        )
        event["data"]["object"]["payment_status"] = "paid"  # a lie: nobody has paid
        assert sent(double, json.dumps(event).encode()) is False
        assert credit_wallet(people.organisation).available_micros == 0

    def test_another_amount_than_was_asked_for_is_not_granted(self, people, double):
        top_up = start_top_up(people.organisation, amount_micros=DOLLARS_20)
        double.store.objects["session"][top_up.checkout_session]["amount_total"] = 1
        assert sent(double, paid_event(double, top_up)) is False
        top_up.refresh_from_db()
        assert top_up.state == "pending"
        assert credit_wallet(people.organisation).available_micros == 0

    @pytest.mark.parametrize("offset_s", [-301, 301, 3600, -86_400])
    def test_old_and_future_signatures_are_refused(self, people, double, offset_s):
        body = paid_event(double, start_top_up(people.organisation, amount_micros=DOLLARS_20))
        with pytest.raises(Problem, match="too old or from the future"):
            sent(double, body, int(time.time()) + offset_s)
        assert credit_wallet(people.organisation).available_micros == 0

    def test_wrong_secrets_changed_bodies_and_the_other_mode_are_refused(self, people, double):
        body = paid_event(double, start_top_up(people.organisation, amount_micros=DOLLARS_20))
        live = json.dumps({**json.loads(body), "livemode": True}).encode()
        tries = [
            (body, signature(body, "whsec_other")),
            (body + b" ", signature(body, double.secret)),
            (body, ""),
            (b"{}", signature(b"{}", double.secret)),
            (b"[]", signature(b"[]", double.secret)),
            (b"\xff", signature(b"\xff", double.secret)),
            (live, signature(live, double.secret)),
        ]
        for payload, header in tries:
            with pytest.raises(Problem) as refused:
                receive_webhook(payload, header)
            assert refused.value.status == 400
        assert credit_wallet(people.organisation).available_micros == 0

    def test_the_address_answers_200_400_and_503(self, people, double, client):
        body = paid_event(double, start_top_up(people.organisation, amount_micros=DOLLARS_20))

        def post(header):
            return client.post(
                "/stripe/webhook", body, content_type="application/json", headers={"Stripe-Signature": header}
            ).status_code

        assert post("t=1,v1=x") == 400
        double.faults = Faults(rate=1.0, most=50)
        assert post(signature(body, double.secret)) == 503
        double.faults = Faults(rate=0.0)
        assert post(signature(body, double.secret)) == 200
        assert credit_wallet(people.organisation).available_micros == DOLLARS_20

    def test_the_return_page_finds_a_payment_whose_webhook_is_late(self, people, double, books_are_right):
        top_up = start_top_up(people.organisation, amount_micros=DOLLARS_20)
        body = paid_event(double, top_up)
        assert refresh_top_up(top_up).state == "paid"
        assert sent(double, body) is False
        assert credit_wallet(people.organisation).available_micros == DOLLARS_20
        assert books_are_right()

    def test_an_ended_session_ends_the_top_up(self, people, double):
        top_up = start_top_up(people.organisation, amount_micros=DOLLARS_20)
        stripe_client().v1.checkout.sessions.expire(top_up.checkout_session)
        assert httpx.get(top_up.checkout_url).status_code == 404
        assert refresh_top_up(top_up).state == "expired"

    @pytest.mark.parametrize("micros", [0, 999_999, 1_000_001, 10_000_000_001, -1])
    def test_odd_amounts_are_refused(self, people, double, micros):
        with pytest.raises(Problem, match="invalid"):
            start_top_up(people.organisation, amount_micros=micros)
        assert not TopUp.objects.exists()

    def test_people_are_only_sent_back_to_our_own_pages(self, people, double):
        with pytest.raises(Problem, match="invalid"):
            start_top_up(people.organisation, amount_micros=DOLLARS_20, return_url="https://evil.example/")


class TestPushes:
    def test_an_hour_is_told_once_and_later_usage_as_a_delta(self, people, meter, double, books_are_right):
        hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
        meter.use(hour + timedelta(minutes=5), 7)
        meter.use(hour + timedelta(minutes=6), 3)
        soon = timezone.now() + timedelta(minutes=2)
        assert [push_usage(now=soon), push_usage(now=soon)] == [1, 0]
        meter.use(hour + timedelta(minutes=7), 5)
        assert push_usage(now=soon + timedelta(minutes=2)) == 1
        amounts = StripePush.objects.order_by("sequence").values_list("sequence", "amount_micros", "state")
        assert list(amounts) == [(1, 1_000, "confirmed"), (2, 500, "confirmed")]
        assert stripe_counts(double) == 1_500
        assert books_are_right()

    def test_the_present_hour_waits_until_it_is_over(self, people, meter, double):
        now = timezone.now().replace(minute=30)
        meter.use(now.replace(minute=1))
        assert push_usage(now=now + timedelta(minutes=5)) == 0
        assert push_usage(now=now + timedelta(minutes=45)) == 1

    @pytest.mark.parametrize("seed", range(3))
    def test_through_lost_answers_429_and_500_the_sums_stay_equal(self, people, meter, double, seed, books_are_right):
        start = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
        for hour in range(20):
            meter.use(start + timedelta(hours=hour), hour + 1)
        ensure_customer(people.organisation)
        double.faults = Faults(seed=seed, rate=0.6)
        now = timezone.now() + timedelta(minutes=2)
        for turn in range(12):
            push_usage(now=now + timedelta(minutes=turn))
        double.faults = Faults(rate=0.0)
        push_usage(now=now + timedelta(minutes=30))
        assert set(StripePush.objects.values_list("state", flat=True)) == {"confirmed"}
        assert stripe_counts(double) == sum(UsageEvent.objects.values_list("amount_micros", flat=True)) == 21_000
        assert len(double.store.meter_events) == 20
        assert books_are_right()


class TestTheDouble:
    def test_unknown_missing_and_mistyped_parameters_are_refused_like_stripe_does(self, double):
        client = stripe_client()
        customer = client.v1.customers.create(params={"name": "Acme", "metadata": {"a": "b"}})
        item = {"quantity": 1, "price_data": {"currency": "usd", "unit_amount": 100, "product_data": {"name": "x"}}}
        session = {"mode": "payment", "customer": customer.id, "line_items": [item], "success_url": "http://x/"}
        assert client.v1.checkout.sessions.create(params=session).amount_total == 100
        wrong = [
            ({**session, "colour": "red"}, "parameter_unknown", "colour"),
            ({**session, "mode": "gift"}, "parameter_invalid", "mode"),
            ({**session, "customer": "cus_no"}, "resource_missing", "customer"),
            ({**session, "line_items": [{**item, "quantity": "two"}]}, "parameter_invalid_integer", "quantity"),
            ({**session, "line_items": [{**item, "amount": 3}]}, "parameter_unknown", "line_items[0][amount]"),
        ]
        for params, code, param in wrong:
            with pytest.raises(stripe.InvalidRequestError) as refused:
                client.v1.checkout.sessions.create(params=params)
            assert refused.value.code == code
            assert param in refused.value.param
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.billing.meter_events.create(params={"event_name": "x"})
        assert refused.value.code == "parameter_missing"
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.checkout.sessions.retrieve("cs_test_none")

    def test_the_same_idempotency_key_has_one_effect_and_other_parameters_are_refused(self, double):
        client = stripe_client()
        options = {"idempotency_key": "k1"}
        ids = {client.v1.customers.create(params={"name": "A"}, options=options).id for _ in range(3)}
        assert len(ids) == 1
        with pytest.raises(stripe.IdempotencyError):
            client.v1.customers.create(params={"name": "B"}, options=options)

    def test_meter_events_are_counted_once_and_not_when_too_old(self, double):
        client = stripe_client()
        customer = client.v1.customers.create(params={"name": "A"})
        payload = {"stripe_customer_id": customer.id, "value": "5"}
        event = {"event_name": "m", "identifier": "i1", "payload": payload}
        with pytest.raises(stripe.InvalidRequestError, match="No active meter"):
            client.v1.billing.meter_events.create(params=event)
        sums = {"display_name": "M", "event_name": "m", "default_aggregation": {"formula": "sum"}}
        client.v1.billing.meters.create(params=sums)
        client.v1.billing.meter_events.create(params=event)
        with pytest.raises(stripe.InvalidRequestError, match="already exists with identifier i1"):
            client.v1.billing.meter_events.create(params=event)
        for seconds in (-36 * 86_400, 600):
            late = {**event, "identifier": "i2", "timestamp": int(time.time()) + seconds}
            with pytest.raises(stripe.InvalidRequestError, match="within 35 days"):
                client.v1.billing.meter_events.create(params=late)
        assert stripe_counts(double) == 5

    def test_its_state_survives_a_restart(self, double, tmp_path):
        from apps.billing.stripe_double.store import Store

        double.store.path = tmp_path / "double.json"
        customer = stripe_client().v1.customers.create(params={"name": "A"})
        assert Store(tmp_path / "double.json").objects["customer"][customer.id]["name"] == "A"

    def test_who_brings_no_key_is_refused(self, double):
        assert httpx.post(f"{double.base}/v1/customers").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_sixteen_webhooks_at_once_give_one_credit(double):
    from apps.ledger.models import Price

    fill_price_book(Price)
    people = make_people()
    top_up = start_top_up(people.organisation, amount_micros=DOLLARS_20)
    body = paid_event(double, top_up)
    results, gate = [], threading.Barrier(16)

    def deliver():
        try:
            gate.wait()
            results.append(sent(double, body))
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 15 + [True]
    assert credit_wallet(people.organisation).available_micros == DOLLARS_20
    assert StripeCustomer.objects.count() == 1
