"""The families that may be asked for are the ones that the recipes try."""

import pytest

from contracts.jobs import FAMILIES


def test_the_recipes_know_exactly_the_families_that_a_run_may_name() -> None:
    pytest.importorskip("torch", reason="the recipes need the `train` extra")
    from workers.train.recipes import images, tabular

    assert FAMILIES["tabular_classification"] == FAMILIES["tabular_regression"] == tabular.FAMILIES
    assert set(FAMILIES["image_classification"]) == set(images.FIT)
