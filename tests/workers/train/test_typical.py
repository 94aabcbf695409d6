"""What a package keeps of a column for explanations: spread like the column, and nobody's row."""

import numpy as np

from contracts.manifests import ColumnSpec
from workers.train import features, typical


def test_numbers_are_even_quantiles_and_missing_ones_keep_their_share():
    values = np.concatenate([np.arange(1, 76), np.full(25, np.nan)]).astype(np.float32)
    kept = typical.values_of(ColumnSpec("x", "number"), values)
    assert len(kept) == 8
    assert kept.count(None) == 2
    assert abs(np.mean(kept[:6]) - 38) < 0.1


def test_words_stand_in_proportion_and_rare_ones_are_left_out():
    values = np.array(["often"] * 60 + ["seldom"] * 30 + [f"only {place}" for place in range(10)], dtype=object)
    kept = typical.values_of(ColumnSpec("x", "category"), values)
    assert kept.count("often") == 5
    assert kept.count("seldom") == 2
    assert kept.count(None) == 1
    names = np.array([f"name {place}" for place in range(50)], dtype=object)
    assert typical.values_of(ColumnSpec("x", "id"), names) == [None] * 8


def test_texts_and_columns_that_the_model_ignores_keep_nothing():
    texts = np.array(["a secret"] * 50, dtype=object)
    assert typical.values_of(ColumnSpec("x", "text"), texts) == []
    assert features.describe(ColumnSpec("x", "number"), np.arange(50.0), "").typical == []
    assert len(features.describe(ColumnSpec("x", "number"), np.arange(50.0), "x").typical) == 8


def test_dates_are_kept_as_dates():
    days = np.arange("2024-01-01", "2024-12-31", dtype="datetime64[D]").astype("datetime64[s]").astype(np.int64)
    kept = typical.values_of(ColumnSpec("day", "datetime"), days.astype(np.float64))
    assert kept[0].startswith("2024-01-2")
    assert kept == sorted(kept)
