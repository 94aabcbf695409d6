"""Organisations, invitations and roles."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from apps.accounts.invitation_tokens import link_of, token_of
from apps.accounts.models import AuditEntry, Invitation, Membership, Role, User
from apps.accounts.queries import SWITCHES, switch_is_on
from apps.accounts.services.accept_invitation import accept_invitation
from apps.accounts.services.change_role import change_role
from apps.accounts.services.create_organisation import create_organisation
from apps.accounts.services.flip_switch import flip_switch
from apps.accounts.services.invite_member import invite_member
from apps.accounts.services.remove_member import remove_member
from apps.accounts.services.revoke_invitation import revoke_invitation
from apps.outbox.models import OutboxMessage
from apps.outbox.services.dispatch import dispatch_waiting
from contracts.problems import Problem

pytestmark = pytest.mark.django_db


def of(people, user):
    return Membership.objects.of(people.organisation).get(user=user)


def refused(code: str):
    return pytest.raises(Problem, match=code)


@pytest.fixture
def dora(db) -> User:
    return User.objects.create_user("dora@example.com", "correct horse battery")


def test_two_organisations_may_have_one_name_but_never_one_address(people):
    first, second = (create_organisation("Blue & Sons", owner=people.alice) for _ in range(2))
    assert first.slug == "blue-sons"
    assert second.slug != first.slug
    assert create_organisation("株式会社", owner=people.alice).slug == "organisation"
    assert of_role(first, people.alice) == Role.OWNER
    with refused("yours:invalid"):
        create_organisation("   ", owner=people.alice)


def of_role(organisation, user):
    return Membership.objects.of(organisation).get(user=user).role


def test_an_invitation_arrives_by_mail_and_lets_one_person_in_once(people, dora):
    invitation = invite_member(people.organisation, email="Dora@Example.com", role="member", invited_by=people.alice)
    dispatch_waiting()
    assert mail.outbox[-1].to == ["dora@example.com"]
    assert link_of(invitation.pk) in mail.outbox[-1].body
    token = token_of(invitation.pk)
    with refused("yours:not-allowed"):
        accept_invitation(token, user=people.charlie)
    assert accept_invitation(token, user=dora).role == Role.MEMBER
    with refused("yours:state"):
        accept_invitation(token, user=dora)


def test_the_word_of_an_invitation_is_in_no_table(people):
    invitation = invite_member(people.organisation, email="dora@example.com", role="member", invited_by=people.alice)
    token = token_of(invitation.pk)
    invitation.refresh_from_db()
    assert token not in str(invitation.__dict__)
    assert token not in str(list(OutboxMessage.objects.values_list("payload", flat=True)))


def test_a_revoked_expired_or_invented_invitation_opens_nothing(people, dora):
    first = invite_member(people.organisation, email=dora.email, role="member", invited_by=people.alice)
    revoke_invitation(first, by=people.alice)
    with refused("yours:state"):
        accept_invitation(token_of(first.pk), user=dora)
    second = invite_member(people.organisation, email=dora.email, role="member", invited_by=people.alice)
    Invitation.objects.filter(pk=second.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    with refused("yours:state"):
        accept_invitation(token_of(second.pk), user=dora)
    with refused("yours:not-found"):
        accept_invitation("made-up", user=dora)
    invite_member(people.organisation, email=dora.email, role="member", invited_by=people.alice)
    assert not Membership.objects.filter(user=dora).exists()


def test_there_is_one_open_invitation_per_person_and_none_for_members(people):
    invite_member(people.organisation, email="dora@example.com", role="member", invited_by=people.alice)
    for email in ("DORA@example.com", "bob@example.com"):
        with refused("yours:conflict"):
            invite_member(people.organisation, email=email, role="member", invited_by=people.alice)


def test_members_invite_nobody_and_admins_no_owner(people):
    with refused("yours:not-allowed"):
        invite_member(people.organisation, email="d@example.com", role="viewer", invited_by=people.bob)
    with refused("yours:not-allowed"):
        invite_member(people.organisation, email="d@example.com", role="viewer", invited_by=people.charlie)
    change_role(of(people, people.bob), role="admin", by=people.alice)
    with refused("yours:not-allowed"):
        invite_member(people.organisation, email="d@example.com", role="owner", invited_by=people.bob)


def test_nobody_raises_himself(people):
    with refused("yours:not-allowed"):
        change_role(of(people, people.viola), role="member", by=people.viola)
    change_role(of(people, people.bob), role="admin", by=people.alice)
    with refused("yours:not-allowed"):
        change_role(of(people, people.bob), role="owner", by=people.bob)
    assert of(people, people.bob).role == Role.ADMIN


def test_the_last_owner_stays(people):
    with refused("yours:state"):
        change_role(of(people, people.alice), role="admin", by=people.alice)
    with refused("yours:state"):
        remove_member(of(people, people.alice), by=people.alice)
    change_role(of(people, people.bob), role="owner", by=people.alice)
    remove_member(of(people, people.alice), by=people.alice)
    assert not Membership.objects.of(people.organisation).filter(user=people.alice).exists()


def test_everybody_may_leave_but_only_admins_remove_others(people):
    with refused("yours:not-allowed"):
        remove_member(of(people, people.viola), by=people.bob)
    with refused("yours:not-allowed"):
        remove_member(of(people, people.viola), by=people.charlie)
    remove_member(of(people, people.viola), by=people.viola)
    remove_member(of(people, people.bob), by=people.alice)
    actions = AuditEntry.objects.of(people.organisation).values_list("action", "subject")
    assert set(actions) == {("member.remove", people.viola.pk), ("member.remove", people.bob.pk)}


def test_a_switch_is_off_until_an_operator_turns_it_on(people):
    assert not any(switch_is_on(name) for name in SWITCHES)
    flip_switch("pause-uploads", is_on=True, reason="disk is full", by=people.alice)
    assert switch_is_on("pause-uploads")
    assert AuditEntry.objects.get(organisation=None).action == "switch.on"
    with pytest.raises(LookupError):
        switch_is_on("pause-upload")
