"""Invoices, budgets, credit and usage over REST: owner, member, viewer, stranger, and keys with and without scope."""

from datetime import UTC, date, datetime

import pytest
from django.utils import timezone

from apps.billing.services.close_period import close_period
from apps.billing.verifier import verify
from apps.ledger.models import Budget
from apps.metering.models import Lease, UsageEvent
from contracts.usage import LeaseClose, LeaseRequest
from contracts.wire import to_wire
from tests.people import key_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("storage")]
BUDGET = {"name": "cap", "limit_micros": 1_000_000}
READS = ["usage", "invoices", "invoices/draft", "budgets", "credits"]


@pytest.fixture
def call(client, people):
    def request(method, path, who=None, body=None, key=None, **headers):
        if who is not None:
            client.force_login(who)
        else:
            client.logout()
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        options = {"data": body, "content_type": "application/json"} if body is not None else {}
        return getattr(client, method)(f"/api/v1/{path}", headers=headers, **options)

    return request


@pytest.fixture
def january(people, meter):
    meter.use(datetime(2028, 1, 5, tzinfo=UTC), 7)
    return close_period(people.organisation, date(2028, 1, 1), now=datetime(2028, 2, 2, tzinfo=UTC))


@pytest.mark.parametrize("path", READS)
def test_everyone_inside_may_read_and_nobody_else(call, people, path):
    for who in (people.alice, people.bob, people.viola):
        assert call("get", path, who).status_code == 200
    assert call("get", path).status_code == 401
    _, predict_only = key_for(people.organisation, people.alice, ("predict",))
    assert call("get", path, key=predict_only).status_code == 403


def test_a_stranger_cannot_see_the_invoice_or_the_usage(call, people, january):
    event = UsageEvent.objects.get().pk
    for path in (f"invoices/{january.pk}", f"invoices/{january.pk}/usage.jsonl", f"usage/{event}"):
        assert call("get", path, people.bob).status_code == 200
        answer = call("get", path, people.charlie)
        assert (answer.status_code, answer.json()["code"]) == (404, "yours:not-found")
    assert call("get", "invoices", people.charlie).json()["data"] == []


def test_an_invoice_shows_its_lines_and_its_file_verifies(call, people, january):
    shown = call("get", f"invoices/{january.pk}", people.alice).json()
    assert (shown["state"], shown["total_micros"], shown["number"]) == ("closed", 700, "MY-2028-01-000001")
    assert [(line["units"], line["amount_micros"]) for line in shown["lines"]] == [(7, 700)]
    file = b"".join(call("get", f"invoices/{january.pk}/usage.jsonl", people.alice).streaming_content)
    assert verify(file.splitlines(keepends=True), shown["public_key"])["total_micros"] == 700
    assert call("get", "invoices/draft/usage.jsonl", people.alice).status_code == 409


def test_the_draft_is_the_usage_of_this_month(call, people, meter):
    meter.use(timezone.now(), 12)
    draft = call("get", "invoices/draft", people.alice).json()
    usage = call("get", "usage?group_by=endpoint,key", people.alice).json()
    assert draft["state"] == "draft"
    assert draft["total_micros"] == usage["amount_micros"] == 1_200
    row = {"endpoint": "ep_1", "key": "key_1", "meter": "predictions", "events": 1, "units": 12, "amount_micros": 1_200}
    assert usage["data"] == [row]


def test_usage_is_asked_for_by_day_in_half_open_times(call, people, meter):
    for at in (
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 23, 59, tzinfo=UTC),
        datetime(2026, 3, 2, tzinfo=UTC),
    ):
        meter.use(at)
    one = call("get", "usage?from=2026-03-01&to=2026-03-01", people.alice).json()
    assert [(row["day"], row["units"]) for row in one["data"]] == [("2026-03-01", 2)]
    both = call("get", "usage?from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00.000001Z", people.alice).json()
    assert both["events"] == 3
    for wrong in ("from=yesterday", "from=2026-13-01", "from=2026-03-02&to=2026-03-01T00:00:00Z", "group_by=colour"):
        assert call("get", f"usage?{wrong}", people.alice).status_code == 422


def test_owners_set_budgets_and_members_do_not(call, people):
    assert call("post", "budgets", people.bob, BUDGET).status_code == 403
    assert call("post", "budgets", people.viola, BUDGET).status_code == 403
    _, reader = key_for(people.organisation, people.alice, ("read", "write"))
    assert call("post", "budgets", key=reader, body=BUDGET).status_code == 403
    assert not Budget.objects.exists()
    made = call("post", "budgets", people.alice, BUDGET)
    assert made.status_code == 201
    path = f"budgets/{made.json()['id']}"
    for who in (people.bob, people.viola):
        assert call("patch", path, who, {"limit_micros": 5}).status_code == 403
        assert call("delete", path, who).status_code == 403
    for method, body in (("get", None), ("patch", {"limit_micros": 5}), ("delete", None)):
        assert call(method, path, people.charlie, body).status_code == 404
    assert Budget.objects.get().limit_micros == 1_000_000


def test_a_budget_is_changed_under_its_etag_and_removed(call, people):
    made = call("post", "budgets", people.alice, BUDGET)
    path = f"budgets/{made.json()['id']}"
    changed = call("patch", path, people.alice, {"limit_micros": 2_000_000}, **{"If-Match": made.headers["ETag"]})
    assert (changed.status_code, changed.json()["limit_micros"]) == (200, 2_000_000)
    stale = call("patch", path, people.alice, {"limit_micros": 3}, **{"If-Match": made.headers["ETag"]})
    assert stale.status_code == 412
    assert call("patch", path, people.alice, {"colour": "red"}).status_code == 422
    assert call("delete", path, people.alice).status_code == 204
    assert call("get", path, people.alice).status_code == 404


def test_the_same_idempotency_key_makes_one_budget(call, people):
    ids = {call("post", "budgets", people.alice, BUDGET, **{"Idempotency-Key": "k"}).json()["id"] for _ in range(3)}
    assert len(ids) == Budget.objects.count() == 1


def test_credit_is_shown_with_what_moved_it_and_bought_by_owners_only(call, people, meter, double):
    shown = call("get", "credits", people.bob).json()
    assert (shown["available_micros"], shown["currency"]) == (5_000_000, "USD")
    assert [row["amount_micros"] for row in shown["data"]] == [5_000_000]
    order = {"amount_micros": 20_000_000}
    assert call("post", "credits", people.bob, order).status_code == 403
    bought = call("post", "credits", people.alice, order)
    assert bought.status_code == 201
    assert bought.json()["checkout_url"].startswith(double.base)
    assert call("get", f"credits/{bought.json()['id']}", people.alice).json()["state"] == "pending"
    assert call("get", f"credits/{bought.json()['id']}", people.charlie).status_code == 404


def test_payments_that_cannot_be_reached_are_a_problem_of_ours(call, people, settings):
    settings.STRIPE_API_BASE, settings.IS_STRIPE_DOUBLE = "http://127.0.0.1:9", True
    answer = call("post", "credits", people.alice, {"amount_micros": 20_000_000})
    assert (answer.status_code, answer.json()["code"]) == (503, "ours:payments-unavailable")


class TestNodes:
    @pytest.fixture
    def post(self, client, people):
        from apps.compute.services.register_node import register_node

        _, token = register_node("serve-9", kind="serve", lifetime_s=3600)

        def send(path, body, token=token):
            headers = {"Authorization": f"Bearer {token}"}
            return client.post(f"/internal/v1/{path}", body, content_type="application/json", headers=headers)

        return send

    def test_a_node_borrows_spends_posts_and_closes(self, post, people, meter):
        from apps.ledger.services.open_wallet import credit_wallet

        wallet = credit_wallet(people.organisation)
        lease = post("leases", to_wire(LeaseRequest("b", wallet.pk, 1_000, 100)))
        assert (lease.status_code, lease.json()["granted_micros"]) == (200, 1_000)
        record = {
            "id": "r1", "organisation": people.organisation.pk, "endpoint": "ep_1", "key": "k", "model_version": "v",
            "meter": "predictions", "units": 2, "price_id": meter.price.pk, "amount_micros": 200, "currency": "USD",
            "at_us": 1_780_000_000_000_000, "leases": {wallet.pk: lease.json()["id"]}, "news": "ignored",
        }  # fmt: skip
        body = {"boot": "b", "segment": "1", "offset_from": 0, "offset_to": 90, "records": [record, {"id": "bad"}]}
        answer = post("usage", body).json()
        assert answer == {"cursor": 90, "duplicates": [], "refused": ["bad"]}
        assert post("usage", body).json()["duplicates"] == ["r1"]
        assert Lease.objects.get().spent_micros == 200
        assert post("leases/close", to_wire(LeaseClose("b", [lease.json()["id"]]))).json() == {"closed": 1}

    def test_an_empty_wallet_is_402_and_bad_bodies_are_told(self, post, people):
        from apps.ledger.services.open_wallet import credit_wallet

        wallet = credit_wallet(people.organisation)
        empty = post("leases", to_wire(LeaseRequest("b", wallet.pk, 1_000, 100)))
        assert (empty.status_code, empty.json()["code"]) == (402, "yours:budget-exhausted")
        assert empty.json()["wallet"] == wallet.pk
        assert (
            post("leases", {"boot": "b", "wallet": wallet.pk, "want_micros": "5", "least_micros": 1}).status_code == 422
        )
        assert post("leases", {"boot": "b"}).status_code == 400
        assert post("usage", {"boot": "b"}).status_code == 400
        assert post("usage", [1]).status_code == 400
        assert post("leases", to_wire(LeaseRequest("b", wallet.pk, 1, 1)), token="myn_no").status_code == 401
