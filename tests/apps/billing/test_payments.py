"""Codes, automatic top-ups, refunds and disputes: each payment counts once through every fault of Stripe's."""

import json
import random
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import stripe
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.billing.models import AutoTopUp, PromoCode, TopUp, WebhookEvent
from apps.billing.services.receive_webhook import apply_event, receive_webhook
from apps.billing.services.redeem_code import redeem_code
from apps.billing.services.run_auto_top_ups import run_auto_top_ups
from apps.billing.services.set_auto_top_up import open_portal, set_auto_top_up, start_card_setup, take_card
from apps.billing.services.settle_payment import refund_top_up
from apps.billing.services.start_top_up import start_top_up
from apps.billing.stripe_double.faults import Faults
from apps.billing.stripe_double.server import signature
from apps.ledger.models import CreditLot, LedgerTransaction
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.open_wallet import credit_wallet
from apps.ledger.services.settle_lots import settle_lots
from apps.metering.services.post_adjustment import post_adjustment
from apps.outbox.models import OutboxMessage
from apps.outbox.services.dispatch import dispatch_waiting
from apps.webhooks.models import Event
from contracts.problems import Problem

pytestmark = pytest.mark.django_db
USD = 1_000_000


def credit(organisation):
    return credit_wallet(organisation).available_micros


def sent(double, event):
    body = json.dumps(event).encode()
    return receive_webhook(body, signature(body, double.secret))


def saved_card(organisation, *, declines=False):
    url = start_card_setup(organisation)
    assert httpx.post(url, data={"declines": "yes"} if declines else {}).status_code == 303
    assert take_card(organisation)


def spend_all(organisation, name):
    micros = credit(organisation)
    if micros:
        post_adjustment(organisation, id=name, meter="commitment", micros=micros, price="x", at=timezone.now())


def switch_on(people, *, cap=100):
    amounts = {"threshold_micros": 5 * USD, "amount_micros": 20 * USD, "monthly_cap_micros": cap * USD}
    return set_auto_top_up(people.organisation, is_on=True, **amounts, by=people.alice)


class TestCodes:
    def test_a_code_counts_once_per_organisation_and_ends_with_its_number(self, people, books_are_right):
        PromoCode.objects.create(code="SPRING", amount_micros=10 * USD, most_redemptions=2, credit_days=30)
        redeem_code(people.organisation, " spring ", by=people.alice)
        with pytest.raises(Problem) as twice:
            redeem_code(people.organisation, "SPRING", by=people.alice)
        assert "your organisation already" in twice.value.errors[0]["message"]
        redeem_code(people.elsewhere, "SPRING", by=people.charlie)
        third = Organisation.objects.create(name="Third", slug="third")
        with pytest.raises(Problem) as late:
            redeem_code(third, "SPRING", by="system")
        assert "used up" in late.value.errors[0]["message"]
        assert PromoCode.objects.get().redemptions == 2
        lot = CreditLot.objects.get(organisation=people.organisation)
        assert (lot.kind, lot.left_micros) == ("promo", 10 * USD)
        assert timedelta(days=29) < lot.expires_at - timezone.now() <= timedelta(days=30)
        assert books_are_right()

    def test_a_code_that_is_over_or_of_another_currency_is_refused(self, people):
        now = datetime(2028, 1, 1, tzinfo=UTC)
        PromoCode.objects.create(code="OLD", amount_micros=USD, valid_until=now)
        PromoCode.objects.create(code="YEN", amount_micros=USD, currency="JPY")
        for word in ("OLD", "YEN", "NONE", ""):
            with pytest.raises(Problem):
                redeem_code(people.organisation, word, by=people.alice, now=now)
        assert credit(people.organisation) == 0


class TestAutomatic:
    def test_it_buys_below_the_threshold_and_never_beyond_the_cap(self, people, double, books_are_right):
        saved_card(people.organisation)
        switch_on(people, cap=50)
        assert run_auto_top_ups() == 1
        assert credit(people.organisation) == 20 * USD
        assert run_auto_top_ups() == 0  # enough is left
        for turn in range(4):
            spend_all(people.organisation, f"use{turn}")
            run_auto_top_ups()
        assert TopUp.objects.filter(is_automatic=True, state="paid").count() == 2  # 40 of 50; a third would be 60
        assert Event.objects.filter(kind="top_up.paid").count() == 2
        assert books_are_right()

    def test_without_a_card_it_cannot_be_switched_on(self, people, double):
        with pytest.raises(Problem, match="payment method"):
            switch_on(people)

    def test_three_refusals_switch_it_off_and_each_is_told(self, people, double, books_are_right):
        saved_card(people.organisation, declines=True)
        switch_on(people)
        now = timezone.now()
        for hours in range(0, 48, 3):
            run_auto_top_ups(now=now + timedelta(hours=hours))
        row = AutoTopUp.objects.get()
        assert (row.is_on, row.failures, row.last_error) == (False, 3, "Your card was declined.")
        assert Event.objects.filter(kind="top_up.failed").count() == 3
        assert OutboxMessage.objects.filter(topic="mail").count() == 3
        assert credit(people.organisation) == 0
        assert books_are_right()

    @pytest.mark.parametrize("seed", range(4))
    def test_fifty_seeded_faults_buy_each_credit_once(self, people, double, books_are_right, seed):
        saved_card(people.organisation)
        switch_on(people, cap=1_000_000)
        double.faults = faults = Faults(seed=seed, rate=0.6, most=50)
        dice = random.Random(seed)
        for turn in range(400):
            if faults.count == 50:
                break
            run_auto_top_ups()
            if dice.random() < 0.5:
                spend_all(people.organisation, f"use{turn}")
        double.faults = Faults()
        run_auto_top_ups()
        taken = sum(one["amount_received"] for one in double.store.objects["intent"].values())
        granted = LedgerTransaction.objects.filter(kind="topup").count()
        assert taken == granted * 2_000
        assert granted == TopUp.objects.filter(state="paid").count() > 5
        assert faults.count == 50
        assert books_are_right()

    def test_a_webhook_that_comes_too_is_no_second_credit(self, people, double, books_are_right):
        saved_card(people.organisation)
        switch_on(people)
        run_auto_top_ups()
        (intent,) = double.store.objects["intent"].values()
        event = double.make_event("payment_intent.succeeded", intent)
        assert [sent(double, event) for _ in range(3)] == [False] * 3
        assert credit(people.organisation) == 20 * USD
        assert books_are_right()

    def test_the_portal_opens_for_the_customer(self, people, double):
        page = httpx.get(open_portal(people.organisation, return_url="http://localhost/back"))
        assert page.status_code == 200
        assert "No card is saved" in page.text


class TestRefunds:
    def paid(self, people, double, dollars=20):
        top_up = start_top_up(people.organisation, amount_micros=dollars * USD)
        httpx.post(top_up.checkout_url)
        events = [one for one in double.store.objects["event"].values() if one["type"] == "checkout.session.completed"]
        assert sent(double, events[-1])
        top_up.refresh_from_db()
        return top_up

    def test_unused_credit_is_paid_back_once_also_when_the_answer_is_lost(self, people, double, books_are_right):
        top_up = self.paid(people, double)
        refund_top_up(top_up, amount_micros=5 * USD, by=people.alice)
        double.faults = Faults(rate=1.0, most=1)
        for _ in range(3):
            OutboxMessage.objects.update(available_at=timezone.now(), lease_until=None)
            dispatch_waiting()
        assert [one["amount"] for one in double.store.objects["refund"].values()] == [500]
        assert credit(people.organisation) == 15 * USD
        with pytest.raises(Problem, match="Less than that is left"):
            refund_top_up(top_up, amount_micros=16 * USD, by=people.alice)
        refund_top_up(top_up, amount_micros=15 * USD, by=people.alice)
        dispatch_waiting()
        assert sum(one["amount"] for one in double.store.objects["refund"].values()) == 2_000
        assert books_are_right()

    def test_promotional_credit_is_never_paid_out(self, people, double, books_are_right):
        top_up = self.paid(people, double)
        grant_credit(people.organisation, amount_micros=50 * USD, ref="gift")
        with pytest.raises(Problem, match="Less than that is left"):
            refund_top_up(top_up, amount_micros=21 * USD, by=people.alice)
        assert books_are_right()

    def test_a_dispute_takes_what_is_left_once_and_stops_the_organisation(self, people, double, books_are_right):
        top_up = self.paid(people, double)
        grant_credit(people.organisation, amount_micros=3 * USD, ref="gift")
        event = double.dispute(top_up.payment_intent)
        assert sent(double, event) is True
        assert sent(double, event) is False
        people.organisation.refresh_from_db()
        assert "disputed" in people.organisation.suspended_reason
        assert credit(people.organisation) == 3 * USD
        settle_lots(people.organisation)
        assert books_are_right()


class TestInbox:
    def test_events_are_kept_and_can_run_again_without_a_second_credit(self, people, double, books_are_right):
        top_up = start_top_up(people.organisation, amount_micros=20 * USD)
        httpx.post(top_up.checkout_url)
        event = next(iter(double.store.objects["event"].values()))
        double.faults = Faults(rate=1.0, most=50)
        with pytest.raises(stripe.StripeError):
            sent(double, event)
        kept = WebhookEvent.objects.get()
        assert kept.applied_at is None
        assert kept.last_error
        double.faults = Faults()
        assert apply_event(kept.payload) is True
        assert apply_event(kept.payload) is False
        kept.refresh_from_db()
        assert (kept.had_effect, kept.attempts, kept.last_error) == (True, 3, "")
        assert credit(people.organisation) == 20 * USD
        assert books_are_right()
