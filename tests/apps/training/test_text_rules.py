"""What a run on texts learns from, and what is refused before it costs anything."""

import pytest

from apps.training.rules import refusal_of_options, refusal_of_texts
from apps.training.text_rules import text_target

REVIEW = {"name": "review", "type": "text", "unique": 90}
LABEL = {"name": "label", "type": "category", "unique": 2}
PRICE = {"name": "price", "type": "number", "unique": 80}
PAIRS = [{"name": "Question", "type": "text", "unique": 90}, {"name": "Answer", "type": "text", "unique": 9}]


def test_the_answer_is_found_by_its_name_and_what_was_chosen_wins():
    assert text_target("question_answering", "", "Question", PAIRS) == "Answer"
    assert text_target("question_answering", "Question", "", PAIRS) == "Question"


def test_only_a_label_judges_an_embedding():
    assert text_target("text_embedding", "", "label", [REVIEW, LABEL]) == "label"
    assert text_target("text_embedding", "", "review", [REVIEW]) == ""
    assert text_target("text_embedding", "", "price", [REVIEW, PRICE]) == ""


def test_a_table_without_words_holds_no_texts():
    refusal = refusal_of_texts("text_classification", "label", [PRICE, LABEL], {}, rows=90)
    assert refusal is not None
    assert refusal.code == "yours:text-missing"


def test_the_label_itself_is_no_text_to_read():
    refusal = refusal_of_texts("text_embedding", "label", [LABEL], {}, rows=90)
    assert refusal is not None
    assert refusal.code == "yours:text-missing"


def test_an_embedding_needs_rows_and_no_target():
    assert refusal_of_texts("text_embedding", "", [REVIEW], {}, rows=90) is None
    refusal = refusal_of_texts("text_embedding", "", [REVIEW], {}, rows=5)
    assert refusal is not None
    assert refusal.code == "yours:too-few-rows"


@pytest.mark.parametrize("wrong", [1, 385, "16", True, 2.5])
def test_dimensions_are_a_whole_number_within_bounds(wrong):
    refusal = refusal_of_texts("text_embedding", "", [REVIEW], {"dimensions": wrong}, rows=90)
    assert refusal is not None
    assert refusal.location == "options.dimensions"


def test_an_option_of_another_task_is_refused():
    assert refusal_of_options("question_answering", {"top": 3}, PAIRS) is None
    assert refusal_of_options("question_answering", {"dimensions": 3}, PAIRS) is not None
