"""What must hold of every price, share, rounding and fold: 100 cases in the suite, ten thousand in the long form."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import Organisation
from apps.billing.proration import month_around, rest_of_month, share_of
from apps.billing.queries import statement_for
from apps.billing.rules import amount_text, minor_text, round_half_even
from apps.ledger.currencies import card_step_micros, micros_per_minor, minor_digits
from apps.ledger.rules import Movement
from apps.ledger.tiers import GRADUATED, MODES, Tier, discount_micros, tiered_amount, tiers_objection
from apps.metering.models import UsageEvent
from apps.metering.queries import billed_lines, usage_by
from contracts.usage import MONEY_METERS

pytestmark = pytest.mark.properties
CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "KWD"])
MICROS = st.integers(-(10**15), 10**15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(1_577_836_800_000_000, 2_208_988_800_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))


@st.composite
def ladders(draw):
    """Tiers that the price book accepts."""
    ends = sorted(draw(st.sets(st.integers(1, 3_000), max_size=4)))
    prices = sorted(draw(st.lists(st.integers(0, 1_000), min_size=len(ends) + 1, max_size=len(ends) + 1)), reverse=True)
    if draw(st.booleans()):
        prices[0] = 0 if len(prices) > 1 else prices[0]
    return [Tier(end, price) for end, price in zip([*ends, None], prices, strict=True)]


# --- prices


@given(ladder=ladders(), units=st.integers(0, 4_000))
def test_graduated_units_cost_what_each_of_them_costs_alone(ladder, units):
    one_by_one = sum(
        next(tier.unit_price_micros for tier in ladder if tier.up_to is None or number <= tier.up_to)
        for number in range(1, units + 1)
    )
    assert tiered_amount(units, ladder, GRADUATED) == one_by_one


@given(ladder=ladders(), units=st.integers(0, 10**7), mode=st.sampled_from(MODES), listed=st.integers(0, 1_000))
def test_tiers_never_make_a_month_dearer_than_the_list(ladder, units, mode, listed):
    assert tiers_objection(ladder) == ""
    taken_off = discount_micros(units, listed_micros=units * listed, tiers=ladder, mode=mode)
    assert 0 <= taken_off <= units * listed
    assert units * listed - taken_off == min(units * listed, tiered_amount(units, ladder, mode))


@given(ladder=ladders(), units=st.integers(0, 10**6), more=st.integers(0, 10**6))
def test_more_graduated_units_never_cost_less(ladder, units, more):
    assert tiered_amount(units, ladder, GRADUATED) <= tiered_amount(units + more, ladder, GRADUATED)


# --- proration


@given(fee=st.integers(0, 10**13), moment=MOMENTS)
def test_a_share_is_the_exact_share_rounded_once(fee, moment):
    start, end = month_around(moment)
    exact = Fraction(fee * ((end - moment) // timedelta(microseconds=1)), (end - start) // timedelta(microseconds=1))
    assert abs(rest_of_month(fee, moment) - exact) <= Fraction(1, 2)


@given(fee=st.integers(0, 10**13), first=MOMENTS, cuts=st.lists(st.integers(0, 2_678_400_000_000), max_size=6))
def test_a_month_cut_into_pieces_costs_the_fee_within_half_a_micro_a_piece(fee, first, cuts):
    start, end = month_around(first)
    moments = sorted({start, *(min(end, start + timedelta(microseconds=cut)) for cut in cuts)})
    rests = [share_of(fee, start=start, end=end, at=moment) for moment in moments] + [0]
    pieces = [earlier - later for earlier, later in pairwise(rests)]
    assert sum(pieces) == fee
    assert all(piece >= 0 for piece in pieces)


@given(fee=st.integers(0, 10**12), paid=st.integers(0, 10**12), moment=MOMENTS)
def test_a_change_and_the_change_back_at_once_cost_nothing(fee, paid, moment):
    start, end = month_around(moment)
    first = share_of(fee, start=start, end=end, at=moment) - share_of(paid, start=start, end=end, at=moment)
    back = share_of(paid, start=start, end=end, at=moment) - share_of(fee, start=start, end=end, at=moment)
    assert first + back == 0


# --- rounding


@given(micros=MICROS, currency=CURRENCIES)
def test_an_amount_in_words_is_the_amount(micros, currency):
    number, _, code = amount_text(micros, currency).rpartition(" ")
    assert code == currency
    assert Fraction(number.replace(",", "")) == Fraction(micros, 1_000_000)
    assert len(number.partition(".")[2]) >= minor_digits(currency)


@given(minor=st.integers(-(10**9), 10**9), currency=CURRENCIES)
def test_minor_units_in_words_have_the_decimals_of_the_currency(minor, currency):
    number = minor_text(minor, currency).rpartition(" ")[0].replace(",", "")
    assert Fraction(number) == Fraction(minor, 10 ** minor_digits(currency))
    assert micros_per_minor(currency) * 10 ** minor_digits(currency) == 1_000_000
    assert card_step_micros(currency) % micros_per_minor(currency) == 0


@given(months=st.lists(st.integers(-(10**10), 10**10), max_size=30), currency=CURRENCIES, cut=st.integers(0, 30))
def test_what_is_carried_depends_on_the_sum_alone_up_to_one_minor_unit(months, currency, cut):
    carried = minor = 0
    for total in [sum(months[:cut]), *months[cut:]]:
        rounded, carried = round_half_even(total + carried, currency)
        minor += rounded
    assert minor * micros_per_minor(currency) + carried == sum(months)


# --- folds


@given(parts=st.lists(st.tuples(st.sampled_from(["set", "back", "charge", "free", "refund"]), st.integers(0, 10**9))))
def test_movements_one_after_another_are_their_sum(parts):
    words = {"set": "set_aside", "back": "give_back", "charge": "charge_held", "free": "charge_available"}
    moves = [Movement(**{words.get(word, word): micros}) for word, micros in parts]
    folded: dict[str, int] = defaultdict(int)
    for move in moves:
        for entry, micros in move.entries("org").items():
            folded[entry] += micros
    assert sum(folded.values()) == 0
    assert folded["customer:org"] == sum(move.available_change for move in moves)
    assert folded["held:org"] == sum(move.held_change for move in moves)
    assert folded["revenue:org"] == sum(move.spent_change for move in moves)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["predictions", "batch_rows", *MONEY_METERS]),
        st.sampled_from(["", "ep_1", "ep_2"]),
        st.sampled_from(["", "key_1", "key_2"]),
        st.sampled_from(["", "run_1"]),
        st.integers(0, 10**9),
        st.integers(1, 28),
    ),
    max_size=12,
)


@pytest.mark.django_db
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(events=EVENTS)
def test_dashboard_lines_and_statement_are_one_fold(people, events):
    organisation = people.organisation
    with transaction.atomic():
        _insert(organisation, events)
        lines = billed_lines(organisation, date(2026, 3, 1))
        statement = statement_for(organisation, date(2026, 3, 1))
        start, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
        folds = [
            sum(row["amount_micros"] for row in usage_by(organisation, start=start, end=end, group_by=groups))
            for groups in ((), ("day",), ("endpoint", "key"), ("parent_key",), ("run", "day"))
        ]
        transaction.set_rollback(True)
    total = sum(_amount(meter, units) for meter, *_, units, _ in events)
    assert {*folds, sum(line.amount_micros for line in lines), statement.total_micros} == {total}
    assert statement.total_minor * 10_000 + statement.remainder_micros == total
    assert sum(line.events for line in lines) == len(events)
    assert all(line.units * line.unit_price_micros == line.amount_micros for line in lines)


def _amount(meter: str, units: int) -> int:
    return units * MONEY_METERS.get(meter, 7)


def _insert(organisation: Organisation, events: list) -> None:
    UsageEvent.objects.bulk_create(
        UsageEvent(
            id=f"event-{number}",
            organisation=organisation,
            meter=meter,
            endpoint=endpoint,
            key=key,
            run=run,
            units=units,
            price="prc_7",
            amount_micros=_amount(meter, units),
            currency="USD",
            occurred_at=datetime(2026, 3, day, tzinfo=UTC),
            period=date(2026, 3, 1),
            ledger_ref="x",
        )
        for number, (meter, endpoint, key, run, units, day) in enumerate(events)
    )
