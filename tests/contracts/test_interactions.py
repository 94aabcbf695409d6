"""Roles of a log's columns: what was chosen, then what the names say, then what the types allow."""

import pytest

from contracts.interactions import Roles, looks_like_a_log, misfits, roles_of


def columns(**types: str) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in types.items()]


MOVIES = columns(userId="id", movieId="id", rating="number", timestamp="number")
SHOP = columns(when="datetime", customer_no="id", sku="category", quantity="number")


def test_names_in_many_spellings_tell_the_roles() -> None:
    assert roles_of(MOVIES) == Roles("userId", "movieId", "rating", "", "timestamp")
    assert roles_of(SHOP) == Roles("customer_no", "sku", "", "quantity", "when")
    assert looks_like_a_log(MOVIES)
    assert looks_like_a_log(SHOP)
    assert not looks_like_a_log(columns(age="number", plan="category", churn="boolean"))


def test_what_was_chosen_wins_and_an_empty_choice_means_there_is_none() -> None:
    found = roles_of(SHOP, chosen={"weight": "", "item": "when"})
    assert (found.item, found.weight, found.user) == ("when", "", "customer_no")


def test_the_target_is_the_item_but_a_rating_named_as_target_is_not() -> None:
    assert roles_of(columns(a="id", b="id"), item="a") == Roles("b", "a")
    assert roles_of(MOVIES, item="rating").item == "movieId"


def test_without_telling_names_the_first_two_identifiers_are_user_and_item() -> None:
    assert roles_of(columns(first="id", second="category", third="number")) == Roles("first", "second")
    assert not roles_of(columns(first="id", third="datetime")).is_complete


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (["user"], "must be an object"),
        ({"user": 3}, "as a text"),
        ({"owner": "a"}, "no role"),
        ({"user": "c"}, "no column"),
        ({"user": "a", "item": "a"}, "two roles"),
    ],
)
def test_choices_that_cannot_be_are_told_in_words(chosen: object, words: str) -> None:
    assert words in misfits(chosen, ["a", "b"])[0]
    assert misfits({"user": "a", "item": "b", "rating": ""}, ["a", "b"]) == []
