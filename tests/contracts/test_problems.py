"""Every failure has words, a turn and a status that fits."""

import pytest

from contracts.failures import _ALL, FAILURES
from contracts.problems import Problem


def test_no_code_is_listed_twice():
    assert len(FAILURES) == len(_ALL)


@pytest.mark.parametrize("code", FAILURES)
def test_a_problem_says_what_happened_and_what_to_do(code):
    body = Problem(code).body("req_1")
    assert body["title"]
    assert body["detail"]
    assert body["code"] == code
    assert body["type"] == "/errors/" + code.replace(":", "/")
    if code.startswith("yours:"):
        assert 400 <= body["status"] < 500
    else:
        assert 500 <= body["status"] < 600


def test_an_unknown_code_is_a_bug_at_once():
    with pytest.raises(KeyError):
        Problem("yours:misspelt")
