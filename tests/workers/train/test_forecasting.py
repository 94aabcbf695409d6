"""The road of a forecasting run on small series: what comes out, what it says, and what each refusal is called."""

import datetime
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from contracts.jobs import FAMILIES
from contracts.manifests import EvaluationReport, ModelManifest
from contracts.wire import from_wire
from tests.workers.train.series_data import series_folder, shop_rows, table_of
from workers.batch.inputs import Piece
from workers.batch.predict import Predictor
from workers.serve.list_codec import codec_of
from workers.train import window_network
from workers.train.checkpoint import Checkpoints, Saved
from workers.train.failures import UserFailure
from workers.train.forecast_families import FIT
from workers.train.recipes import forecasting
from workers.train.run import run

MATRICES = ["exponential_smoothing", "theta"]


def travel(folder: Path) -> dict[str, dict[str, float]]:
    run(folder, threads=1)
    return json.loads((folder / "result.json").read_text())


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = shop_rows()
    families = ["exponential_smoothing", "theta", "gradient_boosting"]
    wishes = {"options": {"horizon": 14}, "families": families}
    folder = series_folder(tmp_path_factory.mktemp("shops"), table_of(rows), **wishes)
    travel(folder)
    return folder


def manifest_of(folder: Path) -> ModelManifest:
    return from_wire(ModelManifest, json.loads((folder / "out/manifest.json").read_text()))


def answers(folder: Path, rows: list[dict]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(folder / "out/model.onnx"))
    return session.run(["value", "lower", "upper"], codec_of(manifest_of(folder)).decode(rows))


def test_it_beats_the_best_naive_forecast_and_says_how_sure_it_is(shops: Path) -> None:
    result = json.loads((shops / "result.json").read_text())
    assert result["metrics"]["mase"] < 0.9 * result["baseline"]["mase"]
    assert 0.6 <= result["metrics"]["interval_coverage"] <= 1.0
    report = from_wire(EvaluationReport, json.loads((shops / "out/evaluation.json").read_text()))
    assert report.forecast["season"] == 7
    assert len(report.forecast["per_step"]) == 14
    assert {row["series"] for row in report.forecast["per_series"]} == {f"shop {i}" for i in range(4)}
    example = report.forecast["examples"][0]
    assert len(example["actual"]) == len(example["forecast"]["value"]) == 14
    assert example["times_ahead"][0] == "2024-03-31"


def test_a_known_series_is_forecast_by_its_name_as_by_its_own_values(shops: Path) -> None:
    values = [value for _, shop, value in shop_rows() if shop == "shop 2"]
    named, sent = (
        answers(shops, [{"series": "shop 2"}]),
        answers(shops, [{"history": values, "last_time": "2024-03-30"}]),
    )
    for one, other in zip(named, sent, strict=True):
        assert np.allclose(one, other, rtol=1e-5)
    value, lower, upper = named
    assert ((lower <= value) & (value <= upper)).all()
    truth = np.array([38.0 if day % 7 in (4, 5) else 30.0 for day in range(90, 104)]) + 0.05 * np.arange(90, 104)
    assert np.abs(value[0] - truth).mean() < 1.2


def test_only_the_steps_asked_for_are_answered_and_unknown_series_have_none(shops: Path) -> None:
    value, _, _ = answers(shops, [{"series": "shop 0", "horizon": 3}, {"series": "nobody"}])
    assert np.isfinite(value[0]).tolist() == [True] * 3 + [False] * 11
    assert np.isnan(value[1]).all()
    predictor = Predictor((shops / "out/model.onnx").read_bytes(), manifest_of(shops), threads=1)
    pieces = [
        Piece(0, {"series": "shop 0", "horizon": "3"}),
        Piece(1, {"series": "nobody"}),
        Piece(2, {"history": "x"}),
    ]
    good, unknown, wrong = predictor.predict(pieces)
    assert len(good.steps) == 3
    assert good.steps[0][0] == pytest.approx(float(value[0, 0]))
    assert "not known" in unknown.problem
    assert wrong.location == "history"


def test_a_history_may_have_holes_and_be_short(shops: Path) -> None:
    values = [value for _, shop, value in shop_rows() if shop == "shop 1"]
    holes = [None if place % 11 == 3 else value for place, value in enumerate(values)]
    whole, holed, short = (answers(shops, [{"history": h}])[0] for h in (values, holes, values[-15:]))
    assert np.isfinite(holed).all()
    assert np.abs(holed - whole).mean() < 2.5
    assert np.abs(short - whole).mean() < 2.5


def test_rows_in_any_order_with_repeats_gaps_and_shifting_midnights_are_the_same_series(tmp_path: Path) -> None:
    rows = shop_rows(shops=2, days=80)
    summer = datetime.timedelta(hours=1)
    spoilt = [
        (when - summer if number % 80 > 40 else when, shop, value) for number, (when, shop, value) in enumerate(rows)
    ]
    del spoilt[17], spoilt[100]
    spoilt.append(spoilt[3])
    spoilt.append((spoilt[0][0], "shop 1", None))
    np.random.default_rng(1).shuffle(spoilt)
    folder = series_folder(tmp_path, table_of(spoilt), families=["exponential_smoothing"], options={"horizon": 7})
    result = travel(folder)
    assert result["metrics"]["mase"] < result["baseline"]["mase"]
    lines = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    said = " ".join(line["line"] for line in lines if line["kind"] == "log")
    assert "were not sorted" in said
    assert "repeat a time" in said
    assert "2 series, told apart by shop, daily" in said


def test_noise_is_forecast_by_the_naive_guard_or_better(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    walk = np.cumsum(random.normal(0, 1, 140))
    rows = [(when, "", float(v)) for (when, _, _), v in zip(shop_rows(1, 140), walk, strict=True)]
    folder = series_folder(tmp_path, table_of(rows), families=MATRICES, options={"horizon": 10})
    result = travel(folder)
    best = next(one for one in result["candidates"] if one["is_best"])
    naive = next(one for one in result["candidates"] if one["family"] == "seasonal_naive")
    assert best["metrics"]["mase"] <= naive["metrics"]["mase"]


def test_the_same_seed_gives_bitwise_the_same_metric(tmp_path: Path) -> None:
    data = table_of(shop_rows(2, 70))
    wishes = {"families": ["theta", "gradient_boosting", "window_network"], "options": {"horizon": 7}}
    first, again = (travel(series_folder(tmp_path / name, data, **wishes)) for name in ("first", "again"))
    assert first["metrics"] == again["metrics"]


def test_the_budget_is_kept_by_series_that_would_need_more(tmp_path: Path) -> None:
    folder = series_folder(tmp_path, table_of(shop_rows(30, 300)), budget_seconds=5.0)
    before = time.monotonic()
    travel(folder)
    assert time.monotonic() - before <= 5.0 * 1.05 + 3.0


def test_a_run_may_name_exactly_the_families_of_the_recipe() -> None:
    assert FAMILIES["forecasting"] == forecasting.FAMILIES == tuple(FIT)


def refusal(folder: Path) -> str:
    with pytest.raises(UserFailure) as caught:
        travel(folder)
    return caught.value.code


def test_each_mistake_of_the_user_has_its_own_code(tmp_path: Path) -> None:
    rows = shop_rows(1, 60)
    seconds = np.sort(np.random.default_rng(0).integers(0, 10**9, 60))
    strewn = [(datetime.datetime.fromtimestamp(int(s), datetime.UTC), "", 1.0 + s % 5) for s in seconds]
    no_time = COLUMNS_WITHOUT_TIME
    empty = [(when, shop, None) for when, shop, _ in rows]
    make = lambda name, data, **more: refusal(series_folder(tmp_path / name, data, **more))  # noqa: E731
    assert make("a", table_of(rows[:9])) == "yours:series-too-short"
    assert make("b", table_of(rows), options={"horizon": 40}) == "yours:series-too-short"
    assert make("c", table_of(strewn)) == "yours:series-irregular"
    assert make("d", table_of(rows), columns=no_time) == "yours:time-column-missing"
    assert make("e", table_of(empty)) == "yours:labels-missing"
    assert make("f", table_of(rows), options={"time_column": "when"}) == "yours:target-unknown"


COLUMNS_WITHOUT_TIME = [{"name": "date", "type": "text"}, {"name": "sales", "type": "number"}]


class PowerCut(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gradient_boosting", "window_network"])
def test_cut_off_anywhere_it_goes_on_to_bitwise_the_same_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    monkeypatch.setattr(window_network, "PATIENCE", 2)  # fewer rounds, fewer checkpoints to write
    wishes = {"families": [family], "options": {"checkpoint_every_s": 0.0, "horizon": 7}}
    data = table_of(shop_rows(3, 80))
    expected = travel(series_folder(tmp_path / "undisturbed", data, **wishes))
    folder = series_folder(tmp_path / "disturbed", data, **wishes)
    offer, offers = Checkpoints.offer, itertools.count(1)

    def cut(checkpoints: Checkpoints, key: str, make: Callable[[], Saved]) -> None:
        offer(checkpoints, key, make)
        if next(offers) == 2:
            raise PowerCut

    monkeypatch.setattr(Checkpoints, "offer", cut)
    with pytest.raises(PowerCut):
        travel(folder)
    assert travel(folder)["metrics"] == expected["metrics"]
