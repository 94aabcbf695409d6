"""The tasks and families that may be asked for are the ones that the recipes know."""

import pytest

from contracts.jobs import FAMILIES, TASKS_TRAINABLE


def test_the_recipes_know_exactly_the_families_that_a_run_may_name() -> None:
    pytest.importorskip("torch", reason="the recipes need the `train` extra")
    from workers.train.run import RECIPES

    known = {task: set(getattr(recipe, "FAMILIES", None) or recipe.FIT) for task, recipe in RECIPES.items()}
    assert known == {task: set(families) for task, families in FAMILIES.items()}
    assert set(TASKS_TRAINABLE) == set(RECIPES)
