"""Sub-keys: issued, limited, shown to their users, changed and ended; their usage is their own and their parent's."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import ApiKey
from apps.accounts.services.change_api_key import change_api_key
from apps.accounts.services.create_api_key import create_api_key
from apps.accounts.services.revoke_api_key import revoke_api_key
from apps.accounts.services.rotate_api_key import rotate_api_key
from apps.accounts.services.share_key_usage import key_of_link, link_token, share_key_usage
from apps.billing.services.limit_key import limit_key, limit_of
from apps.endpoints.services.publish_config import build_config, current_revision
from apps.ledger.models import Wallet
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.services.grant_lease import grant_lease
from contracts.problems import Problem
from contracts.serving import RatePolicy
from contracts.usage import LeaseRequest
from tests.people import give_credit, key_for

pytestmark = pytest.mark.django_db


def with_key(secret):
    return APIClient(headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def family(people):
    """(parent, its secret, sub-key, its secret)."""
    give_credit(people.organisation)
    parent, parent_secret = key_for(people.organisation, people.alice)
    sub, secret = create_api_key(
        people.organisation,
        name="Consumer",
        scopes=["predict"],
        parent=parent,
        policies=[RatePolicy("day", 100, 86_400)],
        max_concurrency=3,
        created_by=people.alice,
    )
    return parent, parent_secret, sub, secret


def published(key):
    return [one for one in build_config(1).keys if one.id == key.pk]


def test_a_sub_key_is_issued_over_rest_with_all_its_limits_and_published(people, family):
    parent, parent_secret, _, _ = family
    wish = {
        "name": "Shop",
        "scopes": ["predict"],
        "parent": parent.pk,
        "limits": [{"name": "second", "quota": 5, "window_s": 1}, {"name": "day", "quota": 50, "window_s": 86_400}],
        "max_concurrency": 2,
        "monthly_predictions": 1_000,
        "budget_micros": 20_000,
        "expires_at": (timezone.now() + timedelta(days=9)).isoformat(),
    }
    made = with_key(parent_secret).post("/api/v1/keys", wish, format="json")
    assert made.status_code == 201
    told = made.json()
    assert (told["parent"], told["state"], told["monthly_predictions"], told["budget_micros"]) == (
        parent.pk,
        "live",
        1_000,
        20_000,
    )
    (one,) = published(ApiKey.objects.get(pk=told["id"]))
    assert (one.parent, one.max_concurrency, len(one.policies)) == (parent.pk, 2, 2)
    (quota,) = one.unit_wallets
    (budget,) = one.wallets
    assert Wallet.objects.get(pk=quota).available_micros == 1_000
    assert Wallet.objects.get(pk=budget).available_micros == 20_000
    listed = with_key(parent_secret).get(f"/api/v1/keys?parent={parent.pk}").json()["data"]
    assert [key["name"] for key in listed] == ["Shop", "Consumer"]
    assert with_key(told["secret"]).get("/api/v1/keys").status_code == 403


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scopes": ["read"]}, "yours:not-allowed"),
        ({"scopes": ["predict", "read"]}, "yours:not-allowed"),
        ({"endpoints": ["ep_2"]}, "yours:not-allowed"),
        ({"under_a_sub_key": True}, "yours:state"),
        ({"under_a_revoked_key": True}, "yours:state"),
    ],
)
def test_a_sub_key_may_no_more_than_its_parent(people, family, changes, code):
    parent, _, sub, _ = family
    ApiKey.objects.filter(pk=parent.pk).update(endpoints=["ep_1"])
    parent.refresh_from_db()
    if changes.pop("under_a_sub_key", False):
        parent = sub
    if changes.pop("under_a_revoked_key", False):
        parent = revoke_api_key(parent, by=people.alice)
    wish = {"name": "x", "scopes": ["predict"], "created_by": people.alice, **changes}
    with pytest.raises(Problem) as refused:
        create_api_key(people.organisation, parent=parent, **wish)
    assert refused.value.code == code


def test_nobody_issues_a_sub_key_of_somebody_elses_key(people, family):
    _, stranger = key_for(people.elsewhere, people.charlie)
    wish = {"name": "x", "scopes": ["predict"], "parent": family[0].pk}
    assert with_key(stranger).post("/api/v1/keys", wish, format="json").status_code == 404


def test_every_change_is_a_new_revision_and_pausing_holds_on_the_rest_api_too(people, family):
    parent, parent_secret, sub, secret = family
    for changes in ({"paused": True}, {"limits": []}, {"max_concurrency": 9}, {"monthly_predictions": 5}):
        before = current_revision()
        answer = with_key(parent_secret).patch(f"/api/v1/keys/{sub.pk}", changes, format="json")
        assert answer.status_code == 200
        assert current_revision() > before, changes
    (one,) = published(sub)
    assert (one.paused, one.policies, one.max_concurrency, len(one.unit_wallets)) == (True, [], 9, 1)
    assert with_key(secret).get("/api/v1/keys/self/usage").json()["code"] == "yours:key-paused"
    change_api_key(sub, paused=False, by=people.alice)
    change_api_key(parent, paused=True, by=people.alice)
    assert with_key(secret).get("/api/v1/keys/self/usage").json()["code"] == "yours:key-paused"


def test_revoking_the_parent_ends_its_sub_keys(people, family):
    parent, _, sub, secret = family
    revoke_api_key(parent, by=people.alice)
    assert with_key(secret).get("/api/v1/keys/self/usage").json()["code"] == "yours:key-revoked"
    assert published(sub) == []


def test_rotation_keeps_the_key_and_the_old_secret_as_long_as_asked(people, family):
    _, parent_secret, sub, old = family
    answer = with_key(parent_secret).post(f"/api/v1/keys/{sub.pk}/rotate", {"overlap_hours": 2}, format="json")
    new = answer.json()["secret"]
    assert [with_key(one).get("/api/v1/keys/self/usage").status_code for one in (old, new)] == [200, 200]
    assert [one.kid for one in published(sub)] == [new.split("_")[2], old.split("_")[2]]
    _, newest = rotate_api_key(sub, by=people.alice)
    codes = [with_key(one).get("/api/v1/keys/self/usage").status_code for one in (old, new, newest)]
    assert codes == [401, 401, 200]
    assert [one.kid for one in published(sub)] == [newest.split("_")[2]]


def test_the_quota_of_predictions_is_lent_and_spent_exactly_and_told_with_402(people, family, meter, books_are_right):
    _, _, sub, _ = family
    budget = limit_key(sub, "units", 30, by=people.alice)
    wallet, credit = Wallet.objects.get(budget=budget), credit_wallet(people.organisation)
    lent = 0
    while lent < 30:
        lease = grant_lease(meter.node, LeaseRequest("boot", wallet.pk, 10, 1))
        money = grant_lease(meter.node, LeaseRequest("boot", credit.pk, 100 * lease.granted_micros, 100))
        leases = {wallet.pk: lease.id, credit.pk: money.id}
        meter.use(timezone.now(), lease.granted_micros, key=sub.pk, leases=leases)
        lent += lease.granted_micros
    with pytest.raises(Problem) as refused:
        grant_lease(meter.node, LeaseRequest("boot", wallet.pk, 10, 1))
    told = refused.value
    assert (told.status, told.extra["budget_id"], told.extra["available_micros"]) == (402, budget.pk, 0)
    assert told.extra["available_units"] == 0
    assert told.extra["resets_at"] > timezone.now().isoformat()
    wallet.refresh_from_db()
    assert (wallet.available_micros, wallet.held_micros, wallet.spent_micros) == (0, 0, 30)
    assert books_are_right()


def test_what_sub_keys_use_counts_for_the_budget_of_their_parent(people, family, meter):
    parent, _, sub, _ = family
    meter.use(timezone.now(), 7, key=sub.pk)
    meter.use(timezone.now(), 2, key=parent.pk)
    money, quota = limit_key(parent, "money", 5_000, by=people.alice), limit_key(parent, "units", 50, by=people.alice)
    assert Wallet.objects.get(budget=money).spent_micros == 900
    assert Wallet.objects.get(budget=quota).spent_micros == 9
    own = limit_key(sub, "units", 50, by=people.alice)
    assert Wallet.objects.get(budget=own).spent_micros == 7
    limit_key(sub, "units", 8, by=people.alice)
    assert Wallet.objects.get(budget=own).available_micros == 1
    limit_key(sub, "units", None, by=people.alice)
    assert limit_of(sub, "units") is None


def test_usage_is_grouped_by_sub_key_and_by_its_parent(people, family, meter):
    parent, secret, sub, _ = family
    meter.use(timezone.now(), 7, key=sub.pk)
    meter.use(timezone.now(), 2, key=parent.pk)
    meter.use(timezone.now(), 1, key="key_gone")

    def units(query):
        return {
            row.get("key") or row.get("parent_key"): row["units"]
            for row in with_key(secret).get(f"/api/v1/usage?{query}").json()["data"]
        }

    assert units("group_by=key") == {sub.pk: 7, parent.pk: 2, "key_gone": 1}
    assert units("group_by=parent_key") == {parent.pk: 9, "key_gone": 1}
    assert units(f"group_by=key&key={parent.pk}") == {sub.pk: 7, parent.pk: 2}
    browser = Client()
    browser.force_login(people.alice)
    csv = browser.get("/o/acme/usage/?by=parent_key&format=csv").content.decode()
    assert f"{parent.pk},predictions,2,9,900" in csv
    assert "Consumer" in browser.get("/o/acme/usage/?by=key").content.decode()


def test_the_shared_page_shows_the_key_alone_and_ends_with_its_link(people, family, meter):
    parent, _, sub, _ = family
    meter.use(timezone.now(), 1_234, key=sub.pk)
    meter.use(timezone.now(), 777, key=parent.pk)
    share_key_usage(sub, is_shared=True, by=people.alice)
    first = link_token(sub)
    page = Client().get(f"/key-usage/{first}")
    assert page.status_code == 200
    assert page["X-Robots-Tag"] == "noindex"
    shown = page.content.decode()
    assert "1,234" in shown
    assert "777" not in shown
    assert parent.name not in shown
    share_key_usage(sub, is_shared=True, by=people.alice)
    assert Client().get(f"/key-usage/{first}").status_code == 404
    assert key_of_link(link_token(sub)) == sub
    share_key_usage(sub, is_shared=False, by=people.alice)
    assert link_token(sub) == ""
    assert Client().get(f"/key-usage/{first[:-1]}x").status_code == 404


def test_a_consumer_asks_for_its_month_with_its_own_key(people, family, meter):
    _, _, sub, secret = family
    meter.use(timezone.now(), 5, key=sub.pk)
    limit_key(sub, "units", 40, by=people.alice)
    month = with_key(secret).get("/api/v1/keys/self/usage").json()
    assert (month["predictions"], month["monthly_predictions"], month["amount_micros"]) == (5, 40, 500)
    assert [day["predictions"] for day in month["days"]] == [5]


def test_an_owner_issues_changes_pauses_and_rotates_on_the_pages(people, family):
    parent, _, _, _ = family
    browser = Client()
    browser.force_login(people.alice)
    made = browser.post(
        f"/o/acme/keys/{parent.pk}/sub-keys/new",
        {"name": "Paper", "per_minute": 60, "per_day": 900, "monthly_predictions": 10, "budget": "0.5"},
    )
    assert "my_live_" in made.content.decode()
    sub = ApiKey.objects.get(name="Paper")
    assert [(policy["name"], policy["quota"]) for policy in sub.policies] == [("minute", 60), ("day", 900)]
    assert limit_of(sub, "money").limit_micros == 500_000
    where = f"/o/acme/keys/{sub.pk}/"
    browser.post(f"{where}change", {"name": "Paper", "per_minute": 5, "monthly_predictions": 20})
    sub.refresh_from_db()
    assert [policy["quota"] for policy in sub.policies] == [5]
    assert (limit_of(sub, "units").limit_micros, limit_of(sub, "money")) == (20, None)
    browser.post(f"{where}do/pause")
    assert "Paused" in browser.get(where).content.decode()
    kid = sub.kid
    assert "my_live_" in browser.post(f"{where}do/rotate").content.decode()
    browser.post(f"{where}do/share")
    sub.refresh_from_db()
    assert sub.kid != kid
    assert link_token(sub) in browser.get(where).content.decode()
    assert browser.post(f"{where}do/nonsense").status_code == 404
    assert "Paper" in browser.get(f"/o/acme/keys/{parent.pk}/").content.decode()
