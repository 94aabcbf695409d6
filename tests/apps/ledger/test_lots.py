"""Credit is used in its order and expires to the micro-unit; tiers only ever lower a price."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.billing.services.reconcile import reconcile
from apps.ledger.lots import KINDS, Lot, give_back, in_order_of_use, spend
from apps.ledger.models import CreditLot, LedgerTransaction, Wallet
from apps.ledger.rules import Movement
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.move_money import move_money
from apps.ledger.services.open_wallet import credit_wallet
from apps.ledger.services.settle_lots import settle_due_lots, settle_lots
from apps.ledger.services.take_credit import withdraw_credit
from apps.ledger.tiers import GRADUATED, VOLUME, Tier, discount_micros, tiered_amount, tiers_objection

START = datetime(2028, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LOTS = st.lists(
    st.builds(
        Lot,
        id=st.uuids().map(str),
        kind=st.sampled_from(KINDS),
        left_micros=st.integers(0, 10**9),
        used_micros=st.integers(0, 10**9),
        expires_at=st.none() | st.integers(1, 50).map(lambda days: START + days * DAY),
        granted_at=st.integers(0, 50).map(lambda days: START - days * DAY),
    ),
    max_size=8,
    unique_by=lambda lot: lot.id,
)


@pytest.mark.properties
class TestOrder:
    @given(lots=LOTS, micros=st.integers(0, 10**10))
    def test_exactly_what_is_there_is_taken_and_in_order(self, lots, micros):
        taken = spend(lots, micros)
        assert sum(taken.values()) == min(micros, sum(lot.left_micros for lot in lots))
        ordered = [lot for lot in in_order_of_use(lots) if lot.left_micros]
        partly = [lot for lot in ordered if 0 < taken.get(lot.id, 0) < lot.left_micros]
        assert len(partly) <= 1
        untouched = [position for position, lot in enumerate(ordered) if lot.id not in taken]
        assert untouched == list(range(len(ordered) - len(untouched), len(ordered)))

    @given(lots=LOTS, micros=st.integers(0, 10**10))
    def test_nothing_goes_back_to_a_lot_that_is_over(self, lots, micros):
        now = START + 25 * DAY
        returned, rest = give_back(lots, micros, now)
        assert sum(returned.values()) + rest == micros
        assert all(lot.expires_at is None or lot.expires_at > now for lot in lots if lot.id in returned)

    def test_promotional_credit_goes_before_paid_and_what_ends_first_before_all(self):
        names = {
            "paid": Lot("paid", "paid", 1, 0, None, START),
            "promo": Lot("promo", "promo", 1, 0, None, START + DAY),
            "ending": Lot("ending", "paid", 1, 0, START + DAY, START + DAY),
        }
        assert [lot.id for lot in in_order_of_use(names.values())] == ["ending", "promo", "paid"]


TIERS = st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 1000)), max_size=5).map(
    lambda steps: [
        *(
            Tier(sum(width for width, _ in steps[: number + 1]), price)
            for number, (_, price) in enumerate(
                zip((width for width, _ in steps), sorted((price for _, price in steps), reverse=True), strict=True)
            )
        ),
        Tier(None, 0),
    ]
)


@pytest.mark.properties
class TestTiers:
    @given(tiers=TIERS, units=st.integers(0, 10**7), more=st.integers(0, 10**6))
    def test_graduated_is_the_sum_of_each_unit_and_never_falls(self, tiers, units, more):
        assert tiers_objection(tiers) == ""
        low, high = tiered_amount(units, tiers, GRADUATED), tiered_amount(units + more, tiers, GRADUATED)
        assert low <= high
        assert tiered_amount(units, tiers, VOLUME) <= low  # all at the last tier's price is never more

    def test_the_borders_belong_to_the_tier_below(self):
        tiers = [Tier(10, 0), Tier(20, 5), Tier(None, 2)]
        assert [tiered_amount(n, tiers, GRADUATED) for n in (0, 10, 11, 20, 21)] == [0, 0, 5, 50, 52]
        assert [tiered_amount(n, tiers, VOLUME) for n in (10, 11, 20, 21)] == [0, 55, 100, 42]
        assert discount_micros(21, listed_micros=210, tiers=tiers, mode=GRADUATED) == 158

    @pytest.mark.parametrize(
        "tiers",
        [[], [Tier(10, 1)], [Tier(10, 1), Tier(10, 1), Tier(None, 1)], [Tier(5, 1), Tier(None, 2)], [Tier(None, -1)]],
    )
    def test_what_is_no_ladder_downwards_is_refused(self, tiers):
        assert tiers_objection(tiers)


@pytest.mark.django_db
class TestLots:
    def use(self, organisation, micros, ref):
        assert move_money(credit_wallet(organisation), Movement(charge_available=micros), kind="usage", ref=ref)

    def lots(self, organisation):
        rows = CreditLot.objects.of(organisation).order_by("granted_at", "ref")
        return {row.ref: (row.left_micros, row.used_micros, row.expired_micros) for row in rows}

    def books(self):
        return [one for check in reconcile() for one in check.differences if check.name.startswith(("credit", "wal"))]

    def test_a_journey_of_grants_use_and_expiry_over_a_leap_day(self, people):
        acme = people.organisation
        grant_credit(acme, amount_micros=1_000, ref="paid", source="stripe", now=START)
        grant_credit(acme, amount_micros=300, ref="leap", expires_at=datetime(2028, 2, 29, tzinfo=UTC), now=START)
        grant_credit(acme, amount_micros=200, ref="long", expires_at=datetime(2028, 6, 1, tzinfo=UTC), now=START)
        self.use(acme, 120, "one")
        assert settle_lots(acme, now=datetime(2028, 2, 28, 23, 59, 59, tzinfo=UTC)) == 0
        assert self.lots(acme) == {"leap": (180, 120, 0), "long": (200, 0, 0), "paid": (1_000, 0, 0)}
        self.use(acme, 50, "two")  # used in time, settled late: the credit that was there pays it
        assert settle_lots(acme, now=datetime(2028, 2, 29, tzinfo=UTC)) == 130
        assert self.lots(acme) == {"leap": (0, 170, 130), "long": (200, 0, 0), "paid": (1_000, 0, 0)}
        assert credit_wallet(acme).available_micros == 1_200
        assert settle_due_lots(now=datetime(2028, 3, 1, tzinfo=UTC)) == 0
        self.use(acme, 1_200, "three")
        settle_lots(acme, now=datetime(2028, 3, 2, tzinfo=UTC))
        assert self.lots(acme) == {"leap": (0, 170, 130), "long": (0, 200, 0), "paid": (0, 1_000, 0)}
        assert self.books() == []

    def test_what_is_lent_out_expires_when_it_comes_back(self, people):
        acme = people.organisation
        grant_credit(acme, amount_micros=500, ref="short", expires_at=START + DAY, now=START)
        wallet = credit_wallet(acme)
        assert move_money(wallet, Movement(set_aside=400), kind="hold", ref="hold")
        assert settle_lots(acme, now=START + 2 * DAY) == 100
        assert move_money(wallet, Movement(give_back=150, charge_held=250), kind="usage", ref="back")
        assert settle_lots(acme, now=START + 2 * DAY) == 150
        assert self.lots(acme) == {"short": (0, 250, 250)}
        assert settle_lots(acme, now=START + 3 * DAY) == 0
        assert self.books() == []

    def test_a_price_taken_back_fills_the_lots_again(self, people):
        acme = people.organisation
        grant_credit(acme, amount_micros=500, ref="short", expires_at=START + DAY, now=START)
        self.use(acme, 500, "use")
        settle_lots(acme, now=START)
        assert move_money(credit_wallet(acme), Movement(refund=200), kind="adjustment", ref="sorry")
        settle_lots(acme, now=START + 2 * DAY)
        wallet = Wallet.objects.get(organisation=acme, budget=None)
        assert wallet.available_micros == 200  # came back after its lot was over: credit without an end
        assert CreditLot.objects.get(kind="returned").left_micros == 200
        assert self.books() == []

    def test_more_than_a_lot_has_left_cannot_be_paid_back(self, people):
        acme = people.organisation
        grant_credit(acme, amount_micros=500, ref="paid", source="stripe", now=START)
        self.use(acme, 450, "use")
        settle_lots(acme, now=START)
        lot = CreditLot.objects.get(ref="paid")
        assert withdraw_credit(lot, 51, ref="refund:1", at=START) is False
        assert withdraw_credit(lot, 50, ref="refund:2", at=START) is True
        assert withdraw_credit(lot, 50, ref="refund:3", at=START) is False
        assert LedgerTransaction.objects.filter(kind="refund").count() == 1
        assert self.books() == []
