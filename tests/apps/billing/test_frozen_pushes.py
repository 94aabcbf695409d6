"""Pushes whose fate is unknown are settled by Stripe's own sums, wrong ones are taken back; the sums end up equal."""

import json
from datetime import timedelta

import pytest
from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import AuditEntry, User
from apps.billing.models import StripePush, StripeSettlement, WebhookEvent
from apps.billing.rules import frozen_outcome
from apps.billing.services.cancel_push import cancel_push, go_on_cancelling
from apps.billing.services.push_usage import push_usage
from apps.billing.services.receive_webhook import receive_webhook
from apps.billing.services.resolve_frozen import resolve_frozen
from apps.billing.stripe_double.faults import Faults
from apps.billing.stripe_double.server import signature
from contracts.problems import Problem

pytestmark = pytest.mark.django_db
SOON = timedelta(minutes=2)
TOMORROW = timedelta(hours=21)


@pytest.fixture
def hour():
    return timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)


@pytest.fixture
def now():
    return timezone.now() + SOON


def counted(double):
    return sum(int(one["payload"]["value"]) for one in double.store.meter_events.values() if not one.get("cancelled"))


def states():
    return list(StripePush.objects.order_by("sequence").values_list("state", flat=True))


def frozen(now):
    """All pushes as they are after twenty hours without an answer."""
    StripePush.objects.update(state="sent", confirmed_at=None)
    push_usage(now=now + TOMORROW)
    assert set(states()) == {"frozen"}


class TestFrozen:
    def test_one_that_arrived_is_confirmed_by_the_sum(self, meter, double, hour, now, books_are_right):
        meter.use(hour, 4)
        push_usage(now=now)
        frozen(now)
        assert resolve_frozen(now=now + TOMORROW) == 1
        assert (states(), counted(double)) == (["confirmed"], 400)
        assert StripeSettlement.objects.get().outcome == "confirmed"
        assert books_are_right()

    def test_one_that_never_arrived_is_told_again_under_a_fresh_name(self, meter, double, hour, now, books_are_right):
        meter.use(hour, 4)
        push_usage(now=now)
        double.store.meter_events.clear()
        frozen(now)
        assert resolve_frozen(now=now + TOMORROW) == 1
        assert states() == ["lost", "new"]
        assert push_usage(now=now + TOMORROW) == 1
        assert (states(), counted(double)) == (["lost", "confirmed"], 400)
        names = set(StripePush.objects.values_list("identifier", flat=True))
        assert len(names) == 2
        settled = StripeSettlement.objects.get()
        assert (settled.outcome, settled.counted_micros, settled.frozen_micros) == ("sent again", 0, 400)
        assert resolve_frozen(now=now + TOMORROW) == 0
        assert books_are_right()

    def test_of_two_of_which_one_arrived_the_rest_is_told(self, meter, double, hour, now, books_are_right):
        meter.use(hour, 4)
        push_usage(now=now)
        meter.use(hour + timedelta(minutes=1), 2)
        push_usage(now=now + SOON)
        double.store.meter_events.pop(StripePush.objects.get(sequence=1).identifier)
        frozen(now)
        resolve_frozen(now=now + TOMORROW)
        assert StripeSettlement.objects.get().outcome == "corrected"
        push_usage(now=now + TOMORROW)
        assert (states(), counted(double)) == (["lost", "lost", "found", "confirmed"], 600)
        assert books_are_right()

    def test_what_stripe_counted_besides_is_taken_off_by_a_delta(self, meter, double, hour, now, books_are_right):
        meter.use(hour, 4)
        push_usage(now=now)
        event = next(iter(double.store.meter_events.values()))
        double.store.meter_events["by hand"] = {**event, "identifier": "by hand"}
        frozen(now)
        resolve_frozen(now=now + TOMORROW)
        push_usage(now=now + TOMORROW)
        assert counted(double) == 400
        assert books_are_right()

    def test_an_hour_too_old_for_stripe_is_left_and_said(self, meter, double, hour, now, books_are_right):
        meter.use(hour, 4)
        push_usage(now=now)
        double.store.meter_events.clear()
        frozen(now)
        resolve_frozen(now=now + timedelta(days=36))
        assert (states(), StripeSettlement.objects.get().outcome) == (["untold"], "too old")
        assert books_are_right()

    def test_nothing_is_settled_while_stripe_is_away_or_has_not_added_up(self, meter, double, hour, now):
        meter.use(hour, 4)
        push_usage(now=now)
        frozen(now)
        StripePush.objects.update(first_tried_at=now + TOMORROW - timedelta(minutes=59))
        assert resolve_frozen(now=now + TOMORROW) == 0
        double.faults = Faults(rate=1.0, kinds=("500",))
        assert resolve_frozen(now=now + TOMORROW + timedelta(hours=1)) == 0
        double.faults = Faults()
        assert resolve_frozen(now=now + TOMORROW + timedelta(hours=1)) == 1

    def test_a_report_of_unusable_events_makes_the_day_compared(self, meter, double, hour, now, books_are_right):
        meter.use(hour, 4)
        push_usage(now=now)
        double.store.meter_events.clear()  # Stripe answered 200 and could not use it after all
        report = {"id": "evt_thin", "type": "v1.billing.meter.error_report_triggered", "livemode": False}
        body = json.dumps(report).encode()
        assert receive_webhook(body, signature(body, double.secret)) is True
        assert receive_webhook(body, signature(body, double.secret)) is False
        assert states() == ["frozen"]
        resolve_frozen(now=now + SOON + timedelta(hours=1))
        push_usage(now=now + timedelta(hours=2))
        assert counted(double) == 400
        assert WebhookEvent.objects.get().had_effect
        assert books_are_right()

    def test_the_outcome_depends_on_the_sum_alone(self):
        assert frozen_outcome(counted=5, known=2, frozen=3, is_too_old=True) == "confirmed"
        assert frozen_outcome(counted=2, known=2, frozen=3, is_too_old=False) == "sent again"
        assert frozen_outcome(counted=2, known=2, frozen=3, is_too_old=True) == "too old"
        assert frozen_outcome(counted=4, known=2, frozen=3, is_too_old=False) == "corrected"


class TestTakingBack:
    def test_a_wrong_event_is_taken_back_and_told_right(self, people, meter, double, hour, now, books_are_right):
        meter.use(hour, 4)
        push_usage(now=now)
        (event,) = double.store.meter_events.values()
        event["payload"]["value"] = "4000"  # what Stripe got was wrong
        assert cancel_push(StripePush.objects.get(), by=people.alice, now=now) is True
        assert (states(), counted(double)) == (["cancelled", "new"], 0)
        push_usage(now=now + SOON)
        assert counted(double) == 400
        assert AuditEntry.objects.filter(action="stripe.cancel").count() == 1
        assert books_are_right()

    def test_a_lost_answer_is_asked_again_and_after_a_day_sums_decide(self, people, meter, double, hour, now):
        meter.use(hour, 4)
        push_usage(now=now)
        double.faults = Faults(rate=1.0, kinds=("commit-then-drop",))
        assert cancel_push(StripePush.objects.get(), by=people.alice, now=now) is False
        assert states() == ["cancelling"]
        assert go_on_cancelling(now=now + timedelta(hours=24)) == 0
        assert states() == ["frozen"]
        StripePush.objects.update(state="cancelling")
        double.faults = Faults()
        assert go_on_cancelling(now=now) == 1
        assert states() == ["cancelled", "new"]

    def test_only_what_stripe_has_and_only_within_a_day(self, people, meter, double, hour, now):
        meter.use(hour, 4)
        push_usage(now=now)
        push = StripePush.objects.get()
        with pytest.raises(Problem, match="within 24 hours"):
            cancel_push(push, by=people.alice, now=now + timedelta(hours=23))
        StripePush.objects.update(state="lost")
        with pytest.raises(Problem, match="this one is lost"):
            cancel_push(push, by=people.alice, now=now)


class TestConsole:
    @pytest.fixture
    def operator(self, client, db):
        client.force_login(User.objects.create_user("op@example.com", "x" * 12, is_staff=True, is_superuser=True))
        return client

    def act(self, operator, model, action, chosen):
        address = reverse(f"admin:billing_{model}_changelist")
        values = {"action": action, "_selected_action": [one.pk for one in chosen]}
        return operator.post(address, values, follow=True).content.decode()

    def test_operators_settle_take_back_and_see_what_was_done(self, operator, meter, double, hour, now):
        meter.use(hour, 4)
        push_usage(now=now)
        said = self.act(operator, "stripepush", "take_back", StripePush.objects.all())
        assert "1 of 1 taken back" in said
        push_usage(now=now)
        StripePush.objects.filter(state="confirmed").update(
            state="frozen", first_tried_at=timezone.now() - timedelta(hours=21)
        )
        said = self.act(operator, "stripepush", "compare", StripePush.objects.all())
        assert "1 hours are settled" in said
        page = operator.get(reverse("admin:billing_stripesettlement_changelist")).content.decode()
        assert "confirmed" in page
        assert page.count("400") >= 2

    def test_a_webhook_runs_again_and_the_page_says_what_it_did(self, operator, people, double):
        event = double.make_event("customer.subscription.updated", {"id": "sub_none"})
        kept = WebhookEvent.objects.create(id=event["id"], kind=event["type"], payload=event)
        said = self.act(operator, "webhookevent", "replay", [kept])
        assert "No such subscription" in said
        kept.refresh_from_db()
        assert kept.attempts == 1
        assert operator.get(reverse("admin:billing_webhookevent_change", args=[quote(kept.pk)])).status_code == 200
        assert AuditEntry.objects.filter(action="stripe.replay").exists()
