"""Plans over months: proration shown and charged alike, trials, dunning, limits; everything to the micro-unit."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import Allowance, Organisation
from apps.accounts.services.invite_member import invite_member
from apps.accounts.services.pass_limit import pass_limit
from apps.billing.models import Invoice, Plan, Subscription
from apps.billing.proration import month_around, rest_of_month, share_of
from apps.billing.services.change_plan import change_plan, start_default_plan
from apps.billing.services.close_period import close_period
from apps.billing.services.quote_plan import quote_plan
from apps.billing.services.renew_subscriptions import GRACE_DAYS, renew_subscriptions
from apps.ledger.models import CreditLot
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.open_wallet import credit_wallet
from apps.ledger.services.settle_lots import settle_lots
from apps.metering.models import UsageEvent
from apps.webhooks.models import Event
from contracts.problems import Problem

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FEE = 49_000_000
MOMENTS = st.integers(1_577_836_800_000_000, 2_208_988_800_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.properties
class TestProration:
    @given(fee=st.integers(0, 10**13), moment=MOMENTS)
    def test_used_and_unused_parts_of_a_month_make_the_whole_fee(self, fee, moment):
        start, end = month_around(moment)
        assert start <= moment < end
        rest = rest_of_month(fee, moment)
        used = share_of(fee, start=start, end=end, at=end - (moment - start))
        assert 0 <= rest <= fee
        assert abs(rest + used - fee) <= 1  # each is rounded once

    @given(fee=st.integers(0, 10**13), first=MOMENTS, later=st.integers(0, 10**12))
    def test_what_is_left_never_grows(self, fee, first, later):
        end = month_around(first)[1]
        second = min(end, first + timedelta(microseconds=later))
        start = month_around(first)[0]
        assert share_of(fee, start=start, end=end, at=second) <= share_of(fee, start=start, end=end, at=first)

    def test_a_leap_day_is_a_day(self):
        assert rest_of_month(29_000_000, at(2028, 2, 29)) == 1_000_000
        assert rest_of_month(28_000_000, at(2027, 2, 28)) == 1_000_000


pytestmark_db = pytest.mark.django_db


@pytest.fixture
def acme(people):
    start_default_plan(people.organisation, now=at(2028, 1, 1))
    grant_credit(people.organisation, amount_micros=200_000_000, ref="paid", kind="paid", now=at(2028, 1, 1))
    return people.organisation


def credit(organisation):
    return credit_wallet(organisation).available_micros


def skip_trials(organisation):
    Subscription.objects.filter(pk=organisation.pk).update(had_trial_of=["team"])


@pytestmark_db
class TestChanges:
    def test_what_is_shown_is_what_is_taken(self, acme, books_are_right):
        skip_trials(acme)
        now = at(2028, 2, 15, 12)
        shown = quote_plan(acme, "team", now=now)
        done = change_plan(acme, "team", now=now)
        assert shown == done
        assert done.due_micros == rest_of_month(FEE, now) == 24_500_000  # 14.5 of 29 days
        included = 20_000_000
        assert credit(acme) == 200_000_000 - 24_500_000 + included
        assert Allowance.objects.get(pk=acme.pk).limits["endpoints"] == 500
        assert books_are_right()

    def test_up_and_down_again_costs_only_the_time_between(self, acme, books_are_right):
        skip_trials(acme)
        change_plan(acme, "team", now=at(2028, 3, 1))
        back = change_plan(acme, "payg", when="now", now=at(2028, 3, 11))
        assert back.credit_micros == 33_193_548  # 21 of 31 days, half to even
        spent = UsageEvent.objects.filter(organisation=acme).values_list("meter", "amount_micros")
        assert sorted(spent) == [("plan", FEE), ("plan_credit", -33_193_548)]
        assert books_are_right()

    def test_a_downgrade_waits_for_the_end_of_the_month(self, acme, books_are_right):
        skip_trials(acme)
        change_plan(acme, "team", now=at(2028, 1, 31))
        quote = change_plan(acme, "payg", now=at(2028, 1, 31, 12))
        assert (quote.when, quote.effective_at, quote.due_micros) == ("period_end", at(2028, 2, 1), 0)
        assert renew_subscriptions(now=at(2028, 2, 1)) == 1
        assert Subscription.objects.get(pk=acme.pk).plan.name == "payg"
        assert books_are_right()

    def test_a_plan_that_is_too_small_says_what_is_too_much(self, acme, people):
        with pytest.raises(Problem, match="members and open invitations are in use; Free allows 2"):
            change_plan(acme, "free", when="now", now=at(2028, 1, 2))

    def test_a_plan_for_some_is_not_found_by_others(self, acme):
        with pytest.raises(Problem) as refused:
            change_plan(acme, "enterprise", now=at(2028, 1, 2))
        assert refused.value.code == "yours:not-found"

    def test_without_credit_nothing_changes(self, people):
        start_default_plan(people.organisation, now=at(2028, 1, 1))
        skip_trials(people.organisation)
        with pytest.raises(Problem) as refused:
            change_plan(people.organisation, "team", now=at(2028, 1, 2))
        assert refused.value.code == "yours:no-credit"
        assert Subscription.objects.get(pk=people.organisation.pk).plan.name == "payg"
        assert not UsageEvent.objects.exists()

    def test_a_new_version_takes_over_with_the_next_month_and_never_before(self, acme):
        skip_trials(acme)
        change_plan(acme, "team", now=at(2028, 1, 1))
        Plan.objects.create(name="team", title="Team", rank=20, fee_micros=60_000_000, effective_from=at(2028, 1, 15))
        renew_subscriptions(now=at(2028, 2, 1))
        fees = UsageEvent.objects.filter(organisation=acme, meter="plan").order_by("occurred_at")
        assert list(fees.values_list("amount_micros", flat=True)) == [FEE, 60_000_000]


@pytestmark_db
class TestMonths:
    def test_a_year_of_months_is_charged_month_by_month(self, acme, books_are_right):
        skip_trials(acme)
        grant_credit(acme, amount_micros=1_000_000_000, ref="more", kind="paid", now=at(2028, 1, 1))
        change_plan(acme, "team", now=at(2028, 1, 1))
        for month in range(2, 13):
            assert renew_subscriptions(now=at(2028, month, 1)) == 1
            settle_lots(acme, now=at(2028, month, 1))
            assert renew_subscriptions(now=at(2028, month, 1, 1)) == 0
        assert UsageEvent.objects.filter(meter="plan").count() == 12
        # each month's included 20 dollars pay a part of the next fee that is due while they last, and never outlive it
        lots = CreditLot.objects.filter(kind="included", expires_at__lte=at(2028, 12, 1))
        assert {lot.left_micros for lot in lots} == {0}
        assert books_are_right()

    def test_a_trial_is_free_then_prorated_and_given_once(self, acme, books_are_right):
        quote = change_plan(acme, "team", now=at(2028, 1, 10))
        assert (quote.due_micros, quote.trial_ends_at) == (0, at(2028, 1, 24))
        assert credit(acme) == 200_000_000
        renew_subscriptions(now=at(2028, 1, 24, 5))
        paid = UsageEvent.objects.get(meter="plan").amount_micros
        assert paid == rest_of_month(FEE, at(2028, 1, 24)) == 12_645_161
        change_plan(acme, "payg", when="now", now=at(2028, 1, 25))
        assert quote_plan(acme, "team", now=at(2028, 1, 26)).trial_ends_at is None
        assert books_are_right()

    def test_an_open_fee_is_reminded_of_then_suspends_and_credit_ends_it(self, people, mailoutbox, books_are_right):
        acme = people.organisation
        start_default_plan(acme, now=at(2028, 1, 1))
        change_plan(acme, "team", now=at(2028, 1, 1))  # a trial until the 15th, and no credit after it
        for day in range(40):
            renew_subscriptions(now=at(2028, 1, 15) + timedelta(days=day))
        row = Subscription.objects.get(pk=acme.pk)
        acme.refresh_from_db()
        assert row.state == "suspended"
        assert acme.suspended_reason
        kinds = list(Event.objects.filter(organisation=acme).order_by("at").values_list("kind", flat=True))
        assert kinds == ["subscription.past_due"] * 3 + ["subscription.suspended"]
        grant_credit(acme, amount_micros=100_000_000, ref="late", kind="paid")
        paid_at = at(2028, 3, 1)
        renew_subscriptions(now=paid_at)
        acme.refresh_from_db()
        assert acme.suspended_reason == ""
        assert UsageEvent.objects.get(meter="plan").amount_micros == FEE  # March alone: suspended time is free
        assert books_are_right()

    def test_a_suspension_by_an_operator_is_not_lifted_by_money(self, people):
        acme = people.organisation
        start_default_plan(acme, now=at(2028, 1, 1))
        change_plan(acme, "team", now=at(2028, 1, 1))
        Organisation.objects.filter(pk=acme.pk).update(suspended_reason="Abuse")
        renew_subscriptions(now=at(2028, 1, 15))
        renew_subscriptions(now=at(2028, 1, 15) + timedelta(days=GRACE_DAYS))
        grant_credit(acme, amount_micros=100_000_000, ref="late", kind="paid")
        renew_subscriptions(now=at(2028, 3, 1))
        acme.refresh_from_db()
        assert acme.suspended_reason == "Abuse"

    def test_the_agreed_minimum_is_charged_when_the_month_is_closed(self, people, storage, books_are_right):
        acme = people.organisation
        Plan.objects.create(
            name="agreed", title="Agreed", rank=40, commitment_micros=5_000_000, effective_from=at(2024, 1, 1)
        )
        grant_credit(acme, amount_micros=100_000_000, ref="paid", kind="paid")
        change_plan(acme, "agreed", now=at(2026, 1, 1))
        invoice = close_period(acme, at(2026, 1, 1).date())
        assert invoice.total_micros == 5_000_000
        assert close_period(acme, at(2026, 1, 1).date()) == invoice
        assert Invoice.objects.count() == 1
        assert books_are_right()


@pytestmark_db
class TestLimits:
    def test_the_last_seat_can_be_taken_and_no_more(self, people):
        Allowance.objects.create(organisation=people.organisation, plan="Small", limits={"seats": 4})
        invite_member(people.organisation, email="a@example.com", role="viewer", invited_by=people.alice)
        with pytest.raises(Problem) as refused:
            invite_member(people.organisation, email="b@example.com", role="viewer", invited_by=people.alice)
        assert refused.value.code == "yours:limit-reached"
        assert refused.value.extra == {"limit": "seats", "most": 4, "used": 4, "plan": "Small"}

    def test_a_limit_that_is_no_word_of_the_plan_is_a_mistake_of_ours(self, people):
        Allowance.objects.create(organisation=people.organisation, plan="Small", limits={})
        with pytest.raises(KeyError):
            pass_limit(people.organisation, "unicorns", used=lambda: 0)
