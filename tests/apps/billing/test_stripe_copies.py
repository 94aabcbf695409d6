"""What Stripe has of our plans, invoices, credit notes and customers is what our books say, and collects nothing."""

from datetime import UTC, date, datetime, timedelta

import pytest
import stripe
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import AuditEntry, Organisation
from apps.billing.models import Plan, StripeDocument, StripeObject, StripeSubscription, Subscription
from apps.billing.rules import note_minor
from apps.billing.services.change_plan import change_plan, start_default_plan
from apps.billing.services.change_profile import change_profile
from apps.billing.services.close_account import close_account, open_account_again
from apps.billing.services.close_period import close_period
from apps.billing.services.correct_invoice import credit_invoice, reissue_invoice
from apps.billing.services.ensure_catalogue import ensure_fee_price, ensure_metered_price, metered
from apps.billing.services.ensure_customer import ensure_customer
from apps.billing.services.mirror_customers import mirror_customers
from apps.billing.services.mirror_subscriptions import mirror_subscriptions
from apps.billing.services.receive_webhook import apply_event
from apps.billing.services.renew_subscriptions import renew_subscriptions
from apps.billing.services.tell_documents import tell_documents, write_documents
from apps.billing.stripe_client import stripe_client
from apps.billing.stripe_double.faults import QUICK_KINDS, Faults
from apps.ledger.services.grant_credit import grant_credit
from apps.ledger.services.open_wallet import credit_wallet
from contracts.problems import Problem
from tests.people import give_credit, key_for

pytestmark = pytest.mark.django_db
JANUARY = date(2026, 1, 1)
USD = 1_000_000


@pytest.fixture
def rich(people):
    give_credit(people.organisation, 5_000 * USD)
    return people.organisation


def copies(double, *, living=True):
    rows = double.store.objects["subscription"].values()
    return [one for one in rows if (one["status"] != "canceled") is living]


def price_keys(copy):
    return sorted(item["price"]["lookup_key"] for item in copy["items"]["data"])


def on_plan(organisation, name, *, trial=False):
    """Without its trial, as operators may do, unless asked for."""
    if not Subscription.objects.filter(pk=organisation.pk).exists():
        start_default_plan(organisation)
    if not trial:
        Subscription.objects.filter(pk=organisation.pk).update(had_trial_of=[name])
    change_plan(organisation, name, when="now", by_operator=True)
    return Plan.objects.get(name=name, currency="USD")


class TestCatalogue:
    def test_a_fee_and_a_micro_of_each_meter_have_prices_and_are_found_again(self, double):
        plan = Plan.objects.get(name="team", currency="USD")
        first = [ensure_fee_price(plan), *(ensure_metered_price(meter, "USD") for meter in metered("USD"))]
        StripeObject.objects.all().delete()  # as after a restored backup
        assert [ensure_fee_price(plan), *(ensure_metered_price(meter, "USD") for meter in metered("USD"))] == first
        prices = double.store.objects["price"]
        assert len(prices) == len(first) == len(metered("USD")) + 1
        assert (prices[first[0]]["unit_amount"], prices[first[0]]["recurring"]["usage_type"]) == (4_900, "licensed")
        assert {prices[one]["unit_amount_decimal"] for one in first[1:]} == {"0.0001"}  # cents a micro
        assert {prices[one]["recurring"]["usage_type"] for one in first[1:]} == {"metered"}
        assert {"predictions", "training_compute_seconds"} < set(metered("USD"))
        assert "plan" not in metered("USD")  # the fee has its licensed price; twice would bill it twice

    def test_a_yen_and_a_dinar_have_micros_of_their_own(self, double):
        prices = double.store.objects["price"]
        assert prices[ensure_metered_price("predictions", "JPY")]["unit_amount_decimal"] == "0.000001"
        assert prices[ensure_metered_price("predictions", "KWD")]["unit_amount_decimal"] == "0.001"


class TestSubscriptions:
    def test_an_upgrade_starts_one_that_never_collects(self, rich, double, books_are_right):
        plan = on_plan(rich, "team")
        assert [mirror_subscriptions(), mirror_subscriptions()] == [1, 0]
        (copy,) = copies(double)
        assert price_keys(copy) == sorted([f"modelyard_{plan.pk}", *(f"modelyard_{m}_USD" for m in metered("USD"))])
        assert copy["pause_collection"]["behavior"] == "void"
        assert (copy["collection_method"], copy["status"]) == ("send_invoice", "active")
        anchor = datetime.fromtimestamp(copy["billing_cycle_anchor"], UTC)
        assert (anchor.day, anchor.hour, anchor.minute) == (1, 0, 0)
        assert double.store.objects["intent"] == {}
        assert books_are_right()

    def test_another_plan_changes_it_without_proration_and_a_free_one_ends_it(self, rich, double, books_are_right):
        on_plan(rich, "team")
        mirror_subscriptions()
        enterprise = on_plan(rich, "enterprise")
        mirror_subscriptions()
        (copy,) = copies(double)
        assert f"modelyard_{enterprise.pk}" in price_keys(copy)
        assert len(price_keys(copy)) == len(metered("USD")) + 1
        on_plan(rich, "payg")
        mirror_subscriptions()
        assert copies(double) == []
        on_plan(rich, "team")
        mirror_subscriptions()
        assert len(copies(double)) == 1
        assert len(copies(double, living=False)) == 1
        assert double.store.objects["invoice_item"] == {}
        assert books_are_right()

    def test_a_trial_and_dunning_are_told_as_states(self, people, double):
        on_plan(people.organisation, "team", trial=True)
        mirror_subscriptions()
        (copy,) = copies(double)
        assert (copy["status"], copy["metadata"]["state"]) == ("trialing", "trialing")
        later = timezone.now() + timedelta(days=15)
        renew_subscriptions(now=later)  # there is no credit for the fee
        mirror_subscriptions(now=later)
        assert copies(double)[0]["metadata"]["state"] == "past_due"
        much_later = later + timedelta(days=15)
        renew_subscriptions(now=much_later)
        mirror_subscriptions(now=much_later)
        assert copies(double)[0]["metadata"]["state"] == "suspended"
        give_credit(people.organisation, 100 * USD)
        renew_subscriptions(now=much_later)
        mirror_subscriptions(now=much_later)
        assert (copies(double)[0]["status"], copies(double)[0]["metadata"]["state"]) == ("active", "active")

    @pytest.mark.parametrize("seed", range(4))
    def test_through_faults_there_is_one_subscription_and_never_two(self, rich, double, seed):
        double.faults = Faults(seed=seed, rate=0.5, kinds=QUICK_KINDS)
        for turn, name in enumerate(["team", "enterprise", "payg", "team"]):
            on_plan(rich, name)
            for _ in range(40 if turn == 3 else 5):
                mirror_subscriptions()
                assert len(copies(double)) <= 1
        double.faults = Faults()
        mirror_subscriptions()
        (copy,) = copies(double)
        assert f"modelyard_{Plan.objects.get(name='team', currency='USD').pk}" in price_keys(copy)
        assert copy["pause_collection"]["behavior"] == "void"

    def test_what_somebody_changes_at_stripe_is_put_right(self, rich, double):
        on_plan(rich, "team")
        mirror_subscriptions()
        (copy,) = copies(double)
        stripe_client().v1.subscriptions.update(copy["id"], params={"pause_collection": ""})
        event = double.make_event("customer.subscription.updated", copy)
        assert apply_event(event) is True
        mirror_subscriptions()
        assert copies(double)[0]["pause_collection"]["behavior"] == "void"
        assert apply_event(event) is False
        stripe_client().v1.subscriptions.cancel(copy["id"])
        assert apply_event(double.make_event("customer.subscription.deleted", copy)) is True
        mirror_subscriptions()
        assert len(copies(double)) == 1
        assert copies(double)[0]["id"] != copy["id"]


class TestClosing:
    def test_a_closed_account_gets_its_fee_back_and_stands_nowhere(self, rich, people, double, books_are_right):
        key_for(rich, people.alice)
        on_plan(rich, "team")
        mirror_subscriptions()
        before = credit_wallet(rich).available_micros
        back = close_account(rich, by=people.alice)
        assert 0 < back <= 49 * USD
        assert credit_wallet(rich).available_micros == before + back
        mirror_subscriptions()
        assert copies(double) == []
        rich.refresh_from_db()
        assert "closed" in rich.suspended_reason
        assert not rich.api_keys.filter(revoked_at=None).exists()
        for call in (lambda: close_account(rich, by=people.alice), lambda: change_plan(rich, "payg")):
            with pytest.raises(Problem) as refused:
                call()
            assert refused.value.code == "yours:account-closed"
        assert renew_subscriptions(now=timezone.now() + timedelta(days=40)) == 0
        assert books_are_right()

    def test_an_operator_opens_it_again_and_a_month_begins(self, rich, people, double, books_are_right):
        on_plan(rich, "team")
        close_account(rich, by=people.alice)
        open_account_again(rich, by="system")
        assert renew_subscriptions() == 1
        mirror_subscriptions()
        assert len(copies(double)) == 1
        assert Organisation.objects.get(pk=rich.pk).suspended_reason == ""
        assert AuditEntry.objects.filter(action__startswith="account.").count() == 2
        assert books_are_right()

    def test_only_the_typed_name_closes_it(self, rich, people, client):
        on_plan(rich, "team")
        client.force_login(people.alice)
        assert b"Close the account" in client.get(reverse("billing:plan", args=[rich.slug])).content
        client.post(reverse("billing:close", args=[rich.slug]), {"name": "other"})
        assert Subscription.objects.get(pk=rich.pk).state == "active"
        page = client.post(reverse("billing:close", args=[rich.slug]), {"name": rich.slug}, follow=True)
        assert "of the fee came back as credit" in page.content.decode()
        assert "The account is closed" in page.content.decode()
        assert Subscription.objects.get(pk=rich.pk).state == "closed"


class TestDocuments:
    @pytest.fixture
    def january(self, meter, storage, double):
        grant_credit(meter.organisation, amount_micros=100 * USD, ref="more")
        meter.use(datetime(2026, 1, 3, tzinfo=UTC), units=123_456)  # 12.3456 dollars
        ensure_customer(meter.organisation)
        return close_period(meter.organisation, JANUARY)

    def totals(self, double):
        invoices = sum(one["total"] for one in double.store.objects["invoice"].values())
        return invoices - sum(one["amount"] for one in double.store.objects["credit_note"].values())

    def test_an_invoice_is_copied_as_paid_elsewhere(self, january, double, books_are_right):
        assert [tell_documents(), tell_documents()] == [1, 0]
        (copy,) = double.store.objects["invoice"].values()
        assert (copy["status"], copy["total"], copy["number"]) == ("paid", 1_235, january.number)
        assert (copy["auto_advance"], copy["amount_remaining"]) == (False, 0)
        assert copy["lines"]["data"][0]["amount"] == 1_235
        assert double.store.objects["intent"] == {}
        assert books_are_right()

    def test_credit_notes_take_the_same_off_there_and_never_twice(
        self, january, people, double, meter, books_are_right
    ):
        for micros in (4_444, 4_444, 4_444, 2 * USD):
            credit_invoice(january, amount_micros=micros, reason="Slow answers", by=people.alice)
        tell_documents()
        notes = [one["amount"] for one in double.store.objects["credit_note"].values()]
        assert notes == [1, 200]  # the first and third rounded to nothing: 0.4, 0.9, 1.3 cents in all
        assert StripeDocument.objects.filter(state="empty").count() == 2
        assert self.totals(double) == 1_235 - 201
        assert books_are_right()

    def test_the_month_that_carries_the_note_is_copied_without_it(
        self, january, people, double, meter, books_are_right
    ):
        now = datetime(2026, 2, 3, tzinfo=UTC)
        meter.use(now, units=60_000)
        credit_invoice(january, amount_micros=2 * USD, reason="Slow answers", by=people.alice, now=now)
        february = close_period(january.organisation, date(2026, 2, 1))
        tell_documents()
        assert february.total_minor == 400
        assert sorted(one["total"] for one in double.store.objects["invoice"].values()) == [600, 1_235]
        assert self.totals(double) == january.total_minor + february.total_minor == 1_635
        assert books_are_right()

    def test_an_invoice_written_again_takes_the_old_copy_back(self, january, people, double, books_are_right):
        credit_invoice(january, amount_micros=2 * USD, reason="Slow answers", by=people.alice)
        reissue_invoice(january, reason="New name", by=people.alice)
        tell_documents()
        assert self.totals(double) == 1_235 - 200
        (old, new) = double.store.objects["invoice"].values()
        assert old["total"] == old["post_payment_credit_notes_amount"] == 1_235
        assert new["total"] == 1_035
        fresh = StripeDocument.objects.get(invoice__edition=2).invoice
        with pytest.raises(Problem, match="invalid"):
            credit_invoice(fresh, amount_micros=11 * USD, reason="More than is left", by=people.alice)
        assert books_are_right()

    @pytest.mark.parametrize("seed", range(3))
    def test_through_faults_each_document_is_there_once(self, january, people, double, seed, books_are_right):
        credit_invoice(january, amount_micros=3 * USD, reason="Slow answers", by=people.alice)
        double.faults = Faults(seed=seed, rate=0.5, kinds=QUICK_KINDS)
        for _ in range(40):
            tell_documents()
        double.faults = Faults()
        tell_documents()
        assert set(StripeDocument.objects.values_list("state", flat=True)) == {"told"}
        assert len(double.store.objects["invoice"]) == len(double.store.objects["invoice_item"]) == 1
        assert [one["amount"] for one in double.store.objects["credit_note"].values()] == [300]
        assert books_are_right()

    def test_organisations_that_stripe_does_not_know_are_not_made_known(self, meter, storage, double):
        meter.use(datetime(2026, 1, 3, tzinfo=UTC), units=1_000)
        close_period(meter.organisation, JANUARY)
        assert (write_documents(), double.store.objects["customer"]) == (0, {})

    def test_notes_add_up_to_the_rounded_sum_whatever_their_order(self):
        upto = 0
        told = 0
        for micros in (1, 4_999, 5_000, 9_999, 1, 12_345, 777) * 9:
            told += note_minor(before_micros=upto, micros=micros, left_minor=10_000, currency="USD")
            upto += micros
            assert abs(told * 10_000 - upto) <= 5_000
        assert note_minor(before_micros=0, micros=90_000, left_minor=3, currency="USD") == 3


class TestCustomers:
    def test_billing_details_and_the_tax_number_are_kept_as_we_have_them(self, people, double):
        ensure_customer(people.organisation)
        assert mirror_customers() == 0
        details = {"legal_name": "Acme GmbH", "line1": "Ring 1", "city": "Köln", "country": "DE", "email": "a@b.de"}
        change_profile(people.organisation, {**details, "tax_id_type": "eu_vat", "tax_id": "DE 123456789"}, by="system")
        assert [mirror_customers(), mirror_customers()] == [1, 0]
        (customer,) = double.store.objects["customer"].values()
        assert (customer["name"], customer["address"]["city"], customer["email"]) == ("Acme GmbH", "Köln", "a@b.de")
        assert [one["value"] for one in double.store.objects["tax_id"].values()] == ["DE123456789"]
        change_profile(people.organisation, {"tax_id_type": "gb_vat", "tax_id": "GB123456789"}, by="system")
        mirror_customers()
        assert [(one["type"], one["value"]) for one in double.store.objects["tax_id"].values()] == [
            ("gb_vat", "GB123456789")
        ]
        change_profile(people.organisation, {"tax_id_type": "", "tax_id": "", "legal_name": ""}, by="system")
        mirror_customers()
        assert double.store.objects["tax_id"] == {}
        assert customer["name"] == people.organisation.name

    def test_a_number_that_stripe_refuses_waits_and_harms_nothing(self, people, double):
        ensure_customer(people.organisation)
        double.faults = Faults(rate=1.0)
        change_profile(people.organisation, {"legal_name": "Acme GmbH"}, by="system")
        assert mirror_customers() == 0
        double.faults = Faults()
        assert mirror_customers() == 1


class TestTheDoublesRules:
    def test_it_refuses_what_stripe_refuses(self, double):
        client = stripe_client().v1
        customer = client.customers.create(params={"name": "A"})
        product = client.products.create(params={"id": "p1", "name": "P"})
        price = client.prices.create(
            params={"product": product.id, "currency": "usd", "unit_amount": 5, "recurring": {"interval": "month"}}
        )
        wanted = {"customer": customer.id, "items": [{"price": price.id}]}
        refused = {
            "resource_already_exists": lambda: client.products.create(params={"id": "p1", "name": "P"}),
            "resource_missing": lambda: client.subscriptions.create(params=wanted),  # no card to charge
            "parameter_missing": lambda: client.subscriptions.create(
                params={**wanted, "collection_method": "send_invoice"}
            ),
            "parameter_unknown": lambda: client.subscriptions.create(
                params={**wanted, "pause_collection": {"behavior": "void"}}
            ),
            "parameter_invalid": lambda: client.prices.create(
                params={
                    "product": product.id,
                    "currency": "usd",
                    "unit_amount": 5,
                    "recurring": {"interval": "month", "usage_type": "metered"},
                }
            ),
        }
        for code, call in refused.items():
            with pytest.raises(stripe.InvalidRequestError) as error:
                call()
            assert error.value.code == code

    def test_answers_have_the_published_shape(self, double):
        customer = stripe_client().v1.customers.create(params={"name": "A"})
        invoice = stripe_client().v1.invoices.create(params={"customer": customer.id, "currency": "usd"})
        assert invoice.object == "invoice"
        assert {"lines", "status_transitions", "amount_remaining"} <= set(invoice.to_dict())
        assert StripeSubscription.objects.count() == 0
