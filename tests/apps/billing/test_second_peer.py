"""The same services against a stand-in for Stripe that others wrote: what both know, both answer alike.

`make stripe-peer-install` installs localstripe; without it its half is skipped. It knows no prices, meters, Checkout,
credit notes and no idempotency keys, so those parts have our own double only; docs/billing.md lists the differences.
"""

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import stripe

from apps.billing.models import AutoTopUp, Plan, StripeCustomer, TopUp
from apps.billing.services.change_profile import change_profile
from apps.billing.services.ensure_catalogue import ensure_fee_price
from apps.billing.services.ensure_customer import ensure_customer
from apps.billing.services.mirror_customers import mirror_customers
from apps.billing.services.run_auto_top_ups import run_auto_top_ups
from apps.billing.services.set_auto_top_up import set_auto_top_up
from apps.billing.services.settle_payment import send_refund
from apps.billing.stripe_client import stripe_client
from apps.billing.stripe_double.payments import save_method
from apps.ledger.services.open_wallet import credit_wallet
from tests.doubles.install import ENVIRONMENTS

pytestmark = pytest.mark.django_db
USD = 1_000_000
GOOD_CARD, REFUSED_WHEN_CHARGED = "4242424242424242", "4000000000000341"


@dataclass
class Peer:
    """One stand-in and how a customer's card is saved with it."""

    name: str
    base: str
    double: Any = None

    def save_card(self, customer: str, *, declines: bool) -> str:
        if self.double is not None:
            save_method(self.double.store, {"customer": customer, "setup_intent": None}, declines=declines)
            return list(self.double.store.objects["method"])[-1]
        card = {
            "number": REFUSED_WHEN_CHARGED if declines else GOOD_CARD,
            "exp_month": 12,
            "exp_year": 2040,
            "cvc": "123",
        }
        methods = stripe_client().v1.payment_methods
        method = methods.create(params={"type": "card", "card": card})
        methods.attach(method.id, params={"customer": customer})
        return method.id


@pytest.fixture(scope="module")
def localstripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if missing := ENVIRONMENTS.missing("localstripe"):
        pytest.skip(f"localstripe: {missing}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("localstripe") / "log.txt").open("wb")
    command = [str(ENVIRONMENTS.python_of("localstripe")), "-m", "localstripe", "--from-scratch", "--port", str(port)]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for(base, process)
        yield base
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def _wait_for(base: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        if process.poll() is not None:
            pytest.skip(f"localstripe ended with {process.returncode} (it listens on IPv6, too)")
        try:
            httpx.get(f"{base}/v1/balance", headers={"Authorization": "Bearer sk_test_double"}).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("localstripe does not answer")


@pytest.fixture(params=["double", "localstripe"])
def peer(request: pytest.FixtureRequest, settings: Any) -> Peer:
    if request.param == "double":
        double = request.getfixturevalue("double")
        return Peer("double", double.base, double)
    base = request.getfixturevalue("localstripe")
    settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY, settings.IS_STRIPE_DOUBLE = base, "sk_test_double", True
    return Peer("localstripe", base)


def save_card(people: Any, peer: Peer, *, declines: bool = False) -> None:
    customer = ensure_customer(people.organisation).stripe_id
    method = peer.save_card(customer, declines=declines)
    AutoTopUp.objects.create(organisation=people.organisation, payment_method=method)


def buy_by_itself(people: Any) -> None:
    amounts = {"threshold_micros": 5 * USD, "amount_micros": 20 * USD, "monthly_cap_micros": 100 * USD}
    set_auto_top_up(people.organisation, is_on=True, **amounts, by=people.alice)
    run_auto_top_ups()


def test_a_customer_keeps_name_address_and_tax_number(people, peer):
    customer = ensure_customer(people.organisation).stripe_id
    assert ensure_customer(people.organisation).stripe_id == customer
    details = {"legal_name": "Acme GmbH", "line1": "Ring 1", "city": "Köln", "country": "DE", "email": "a@b.de"}
    change_profile(people.organisation, {**details, "tax_id_type": "eu_vat", "tax_id": "DE123456789"}, by="system")
    assert [mirror_customers(), mirror_customers()] == [1, 0]
    there: Any = stripe_client().v1.customers.retrieve(customer)
    assert (there.name, there.email, there.address.city) == ("Acme GmbH", "a@b.de", "Köln")
    numbers = stripe_client().v1.customers.tax_ids.list(customer)
    assert [(one.type, one.value) for one in numbers.data] == [("eu_vat", "DE123456789")]
    change_profile(people.organisation, {"tax_id_type": "", "tax_id": ""}, by="system")
    mirror_customers()
    assert stripe_client().v1.customers.tax_ids.list(customer).data == []


def pay(people: Any) -> Any:
    """What an automatic top-up asks for. localstripe's answer lacks `amount_received`, so our service stops there."""
    customer = ensure_customer(people.organisation).stripe_id
    params: Any = {"amount": 2_000, "currency": "usd", "customer": customer, "off_session": True, "confirm": True}
    params["payment_method"] = AutoTopUp.objects.get().payment_method
    return stripe_client().v1.payment_intents.create(params=params)


def test_a_saved_card_pays_without_the_customer(people, peer):
    save_card(people, peer)
    intent = pay(people)
    again: Any = stripe_client().v1.payment_intents.retrieve(intent.id)
    assert (again.status, again.amount, again.currency) == ("succeeded", 2_000, "usd")
    assert getattr(again, "amount_received", None) == (2_000 if peer.double else None)


def test_a_refused_card_buys_nothing_and_says_so(people, peer, books_are_right):
    save_card(people, peer, declines=True)
    buy_by_itself(people)
    assert credit_wallet(people.organisation).available_micros == 0
    assert TopUp.objects.get().state == "failed"
    assert AutoTopUp.objects.get().failures == 1
    assert "declined" in AutoTopUp.objects.get().last_error
    assert books_are_right()


def test_a_refund_is_over_what_was_asked(people, peer):
    save_card(people, peer)
    intent = pay(people)
    send_refund({"intent": intent.id, "amount": 500, "key": f"refund-{intent.id}"})
    refunds = stripe_client().v1.refunds.list(params={"payment_intent": intent.id})
    assert [one.amount for one in refunds.data] == [500]


def test_wrong_calls_are_refused_by_both(people, peer):
    customer = ensure_customer(people.organisation).stripe_id
    client = stripe_client().v1
    calls = [
        lambda: client.customers.retrieve("cus_none"),
        lambda: client.customers.create(params={"colour": "red"}),  # type: ignore[typeddict-unknown-key]
        lambda: client.subscriptions.create(params={"customer": customer, "items": [{"plan": "plan_none"}]}),
        lambda: client.refunds.create(params={"payment_intent": "pi_none"}),
    ]
    for call in calls:
        with pytest.raises(stripe.InvalidRequestError):
            call()


def test_what_only_our_double_knows_is_refused_there_and_not_guessed(people, localstripe, settings):
    """When localstripe learns one of these, this fails: then the test above it should use it."""
    settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY, settings.IS_STRIPE_DOUBLE = (
        localstripe,
        "sk_test_double",
        True,
    )
    with pytest.raises(stripe.StripeError):
        ensure_fee_price(Plan.objects.get(name="team", currency="USD"))
    customer = ensure_customer(people.organisation)
    StripeCustomer.objects.all().delete()
    assert ensure_customer(people.organisation).stripe_id != customer.stripe_id  # it has no idempotency keys
