"""Who may do what, without a database."""

from itertools import pairwise

import pytest

from apps.accounts.rules import ACTIONS, ROLES, may_appoint, may_grant_scopes, role_may
from contracts.keys import SCOPES


def test_each_role_may_all_that_a_lesser_one_may():
    for lesser, greater in pairwise(ROLES):
        assert {a for a in ACTIONS if role_may(lesser, a)} <= {a for a in ACTIONS if role_may(greater, a)}


def test_a_viewer_only_reads_and_a_member_never_touches_money():
    assert [a for a in ACTIONS if role_may("viewer", a)] == ["read"]
    assert not role_may("member", "billing")
    assert role_may("admin", "billing")
    assert not role_may("admin", "own")


def test_every_scope_of_a_key_is_an_action():
    assert set(SCOPES) <= set(ACTIONS)


def test_a_misspelt_action_is_an_error_and_no_permission():
    with pytest.raises(KeyError):
        role_may("owner", "wirte")
    assert not role_may("", "read")


@pytest.mark.parametrize(
    ("actor", "role", "new_role", "may"),
    [
        ("owner", "admin", "owner", True),
        ("admin", "member", "admin", True),
        ("admin", "admin", "owner", False),
        ("admin", "owner", "viewer", False),
        ("member", "viewer", "viewer", False),
        ("owner", "viewer", "king", False),
    ],
)
def test_only_owners_make_or_unmake_owners(actor, role, new_role, may):
    assert may_appoint(actor, role=role, new_role=new_role) is may


def test_a_key_hands_on_no_more_than_it_has():
    assert may_grant_scopes(["admin", "read"], ["read"])
    assert not may_grant_scopes(["admin", "read"], ["billing"])
