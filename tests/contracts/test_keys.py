"""API keys: what is accepted without a look-up, and what a digest gives away."""

import re

from hypothesis import given
from hypothesis import strategies as st

from contracts.keys import BASE62, KEY_PATTERN, digest_key, mint_key, parse_key


def test_a_minted_key_parses_to_its_kid():
    kid, key = mint_key()
    assert parse_key(key) == kid
    assert KEY_PATTERN.search(f"token = '{key}' # oops")


@given(position=st.integers(0, 39), letter=st.sampled_from(BASE62))
def test_a_mistyped_key_is_refused_without_a_look_up(position, letter):
    _, key = mint_key()
    at = len("my_live_") + position
    mistyped = key[:at] + letter + key[at + 1 :]
    assert mistyped == key or parse_key(mistyped) is None


@given(text=st.text(max_size=80))
def test_no_text_breaks_the_parser(text):
    assert parse_key(text) is None


def test_another_pepper_gives_another_digest_and_neither_contains_the_key():
    _, key = mint_key()
    one, two = digest_key(b"one", key), digest_key(b"two", key)
    assert one != two
    assert re.fullmatch(r"[0-9a-f]{64}", one)
    assert key[-20:] not in one
