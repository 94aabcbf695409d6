"""A run of a recommender on small logs: what it finds, what its one file answers, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.interactions import Roles
from contracts.manifests import EvaluationReport, ModelManifest, ParityCertificate
from contracts.wire import from_wire
from tests.workers.train.jobs import job_folder, lines_of
from tests.workers.train.logs import LOG_JOB, columns_without, log_bytes, log_table
from workers.batch.inputs import read_pieces
from workers.batch.predict import Predictor
from workers.serve.list_codec import codec_of
from workers.train import item_neighbours, ranking_metrics
from workers.train.failures import UserFailure
from workers.train.interactions import hold_out, read_log
from workers.train.run import run

ROLES = Roles("customer", "product", "stars", "", "bought_at")


def travel(folder: Path) -> Path:
    run(folder, threads=1)
    return folder / "out"


def read(out: Path, name: str, kind: type[Any]) -> Any:
    return from_wire(kind, json.loads((out / name).read_text()))


class Asked:
    """The exported file, asked with JSON rows as the data plane would."""

    def __init__(self, out: Path) -> None:
        self.manifest: ModelManifest = read(out, "manifest.json", ModelManifest)
        self.codec = codec_of(self.manifest)
        self.session = onnxruntime.InferenceSession(str(out / "model.onnx"))

    def items(self, *rows: dict[str, Any]) -> list[list[str]]:
        (names,) = self.session.run(["ranked"], self.codec.decode(list(rows)))
        return [[name for name in row if name] for row in names.tolist()]


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with ratings and times, all families."""
    folder = job_folder(tmp_path_factory.mktemp("timed"), log_bytes(), **LOG_JOB, families=[], budget_seconds=30.0)
    return travel(folder)


def bought(user: int) -> set[str]:
    table = log_table().to_pydict()
    return {p for u, p in zip(table["customer"], table["product"], strict=True) if u == f"u{user}"}


def test_a_log_becomes_a_model_far_better_than_popularity(timed: Path) -> None:
    report = read(timed, "evaluation.json", EvaluationReport)
    assert report.primary_metric == "ndcg@10"
    assert report.metrics["ndcg@10"] > 1.4 * report.baseline["ndcg@10"]
    low, high = report.intervals["ndcg@10"]
    assert low <= report.metrics["ndcg@10"] <= high
    assert report.metrics["rmse"] < report.baseline["rmse"]
    assert sum(row["rows"] for row in report.slices) == report.rows
    candidates = {line["candidate"]["family"]: line["candidate"] for line in lines_of(timed.parent, "candidate")}
    assert {"popularity", "item_knn", "next_item", "ease", "two_tower"} <= set(candidates)
    assert candidates["popularity"]["metrics"]["ndcg@10"] < candidates["next_item"]["metrics"]["ndcg@10"]


def test_the_file_ranks_like_the_trained_model_on_users_histories_and_named_items(timed: Path) -> None:
    certificate = read(timed, "parity.json", ParityCertificate)
    assert certificate.passed
    assert certificate.label_flips == 0
    assert certificate.batch_sizes == [1, 7, 64]


def test_a_known_user_is_recommended_what_comes_next_and_nothing_seen(timed: Path) -> None:
    asked = Asked(timed)
    (best,) = asked.items({"user": "u4"})
    assert len(best) == 10
    assert not set(best) & bought(4)
    assert set(best[:2]) == {f"p1{place}" for place in range(8)} - bought(4)
    (again,) = asked.items({"user": "u4", "exclude_seen": False, "k": 24})
    assert set(again) >= bought(4)


def test_the_datasets_own_column_name_and_numbers_as_ids_are_understood(timed: Path) -> None:
    asked = Asked(timed)
    assert asked.items({"customer": "u4"}) == asked.items({"user": "u4"})


def test_a_history_serves_a_stranger_and_without_one_popularity_does(timed: Path) -> None:
    asked = Asked(timed)
    stranger, unknown, nothing = asked.items({"history": ["p20", "p21", "p22"]}, {"user": "who?"}, {})
    assert stranger[0].startswith("p2")
    assert not {"p20", "p21", "p22"} & set(stranger)
    assert unknown == nothing
    assert len(nothing) == 10


def test_named_items_alone_are_ranked_and_unknown_ones_left_out(timed: Path) -> None:
    (ranked,) = Asked(timed).items({"user": "u4", "items": ["p00", "p10", "no such item"]})
    assert set(ranked) == {"p00", "p10"}
    assert ranked[0] == "p10"


def test_a_rows_answer_does_not_depend_on_the_rows_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_neighbours, "DENSE_MOST_ITEMS", 5)  # the form of large catalogues
    monkeypatch.setattr(item_neighbours, "KEPT_NEIGHBOURS", 6)
    job = {**LOG_JOB, "columns": columns_without("stars"), "families": ["item_knn"]}
    out = travel(job_folder(tmp_path, log_bytes(drop=("stars",)), **job))
    assert read(out, "parity.json", ParityCertificate).passed
    asked = Asked(out)
    row = {"history": ["p20", "p21", "p21"], "k": 5}
    (alone,) = asked.items(row)
    assert asked.items({"user": "u4"}, row, {"history": [f"p0{i}" for i in range(8)] * 3})[1] == alone


def test_the_last_event_in_time_is_held_out_and_without_times_a_drawn_one(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(log_bytes())
    log = read_log(tmp_path / "log", ROLES)
    parts = hold_out(log, seed=1)
    last = {user: log.time[log.user == user].max() for user in range(len(log.users))}
    assert all(log.time[row] == last[log.user[row]] for row in parts.test)
    assert not set(parts.test) & (set(parts.valid) | set(parts.train))
    untimed = read_log(tmp_path / "log", Roles("customer", "product"))
    drawn = hold_out(untimed, seed=1)
    assert len(drawn.test) == len(parts.test)
    assert list(drawn.test) != list(hold_out(untimed, seed=2).test)


def test_repeats_are_folded_and_rows_without_an_item_are_left_out(tmp_path: Path) -> None:

    users = ["a", "a", "a", "b", "b", None] * 5 + [f"c{i}" for i in range(30)]
    items = ["x", "x", "y", "x", None, "y"] * 5 + ["y"] * 30
    pq.write_table(pa.table({"customer": users, "product": items}), tmp_path / "log")
    log = read_log(tmp_path / "log", Roles("customer", "product"))
    assert (len(log.user), log.repeats, log.left_out) == (33, 17, 10)
    assert log.items == ["y", "x"]  # the popular one first


def test_the_same_seed_gives_the_same_metrics_and_a_finished_family_is_not_fitted_again(tmp_path: Path) -> None:
    wishes = {**LOG_JOB, "families": ["popularity", "ease"]}
    first, other = (job_folder(tmp_path / name, log_bytes(), **wishes) for name in ("first", "other"))
    assert (travel(first) / "evaluation.json").read_text() == (travel(other) / "evaluation.json").read_text()
    before = len(lines_of(first, "point"))
    travel(first)  # takes up its own checkpoint
    assert len(lines_of(first, "point")) == before
    assert (first / "out/evaluation.json").read_text() == (other / "out/evaluation.json").read_text()


def test_a_batch_reads_lists_from_a_cell_and_answers_with_lists(timed: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('customer,history\nu4,\n,p20|p21\n,"[""p20"", ""p21""]"\n,"[broken"\n')
    asked = Asked(timed)
    predictor = Predictor((timed / "model.onnx").read_bytes(), asked.manifest, threads=1)
    answers = predictor.predict(list(read_pieces(tmp_path / "rows.csv", "csv")))
    assert list(answers[0].items) == asked.items({"user": "u4"})[0]
    assert answers[1].items == answers[2].items
    assert len(answers[1].scores) == 10
    assert answers[3].location == "history"


def test_what_cannot_be_a_log_is_refused_with_a_code(tmp_path: Path) -> None:
    def code(name: str, raw: bytes, **changes: Any) -> str:
        with pytest.raises(UserFailure) as caught:
            travel(job_folder(tmp_path / name, raw, **{**LOG_JOB, **changes}))
        return caught.value.code

    no_user = {"roles": {"user": "", "item": "product"}}
    assert code("a", log_bytes(), options=no_user) == "yours:roles-unclear"
    assert code("b", log_bytes(users=3, events=2)) == "yours:too-few-rows"
    assert code("c", log_bytes(users=40, events=1)) == "yours:too-few-rows"


def test_places_count_equal_scores_in_the_order_of_the_items() -> None:
    scores = np.array([[0.5, 0.9, 0.5, 0.1]])
    assert [int(ranking_metrics.places(scores, np.array([item]))[0]) for item in range(4)] == [1, 0, 2, 3]
    assert ranking_metrics.summary(np.array([0, 9, 10, 30]))["hr@10"] == 0.5
