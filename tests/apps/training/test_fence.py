"""A trainer that lost its claim can write nothing; one that lost its answer may ask again."""

from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.models import UsageEvent
from apps.registry.models import ModelVersion
from apps.training import rules
from apps.training.models import Attempt, Candidate, Run, RunFile, RunLogLine
from apps.training.services.reap_lost_runs import reap_lost_runs
from contracts.jobs import RUN_STATES
from tests.apps.training.trainer import Trainer, lose, package, queued_run
from tests.people import CREDIT_MICROS, People
from tests.things import a_finished_run

pytestmark = pytest.mark.django_db


def picture(run: Run) -> dict[str, Any]:
    """Everything a zombie could have changed."""
    run.refresh_from_db()
    return {
        "run": {field.attname: getattr(run, field.attname) for field in Run._meta.concrete_fields},
        "files": list(RunFile.objects.values_list("id", "sha256")),
        "log": RunLogLine.objects.count(),
        "candidates": Candidate.objects.count(),
        "versions": ModelVersion.objects.count(),
        "charges": UsageEvent.objects.count(),
    }


def everything_a_zombie_tries(zombie: Trainer) -> list[int]:
    content = package()["model.onnx"]
    report = {"step": 9, "name": "model.onnx", "sha256": "0" * 64, "fence": zombie.job.fence if zombie.job else 0}
    return [
        zombie.beat(99, progress=0.9, log=["boo"], candidates=[{"family": "x", "state": "done"}]).status_code,
        zombie.put("model.onnx", content).status_code,
        zombie.call("checkpoint", report).status_code,
        zombie.finish("succeeded").status_code,
        zombie.finish("failed", failure_code="yours:out-of-memory").status_code,
        zombie.get("dataset").status_code,
        zombie.get("checkpoint").status_code,
    ]


def test_a_stale_fence_can_write_nothing_after_the_run_was_claimed_again(credit: People, storage: Path) -> None:
    run = queued_run(credit.organisation)
    zombie, heir = Trainer.joined(name="zombie"), Trainer.joined(name="heir")
    zombie.claim()
    lose(run)
    assert reap_lost_runs() == 1
    Run.objects.filter(id=run.id).update(not_before=run.not_before)
    assert heir.claim() is not None
    before, files_before = picture(run), sorted(storage.rglob("*"))
    assert everything_a_zombie_tries(zombie) == [409] * 7
    assert picture(run) == before
    assert sorted(path for path in storage.rglob("*") if path.is_file()) == [p for p in files_before if p.is_file()]


def test_a_stale_fence_can_write_nothing_while_the_run_waits_or_after_it_ended(credit: People) -> None:
    run = queued_run(credit.organisation)
    zombie = Trainer.joined(name="zombie")
    zombie.claim()
    lose(run)
    reap_lost_runs()
    before = picture(run)
    assert set(everything_a_zombie_tries(zombie)) == {409}
    assert picture(run) == before
    Run.objects.filter(id=run.id).update(state="cancelled")
    before = picture(run)
    assert set(everything_a_zombie_tries(zombie)) == {409}
    assert picture(run) == before


def test_the_fence_in_the_body_must_be_the_one_of_the_token(credit: People) -> None:
    queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    assert trainer.beat(1, fence=2).status_code == 409
    assert trainer.put("model.onnx", b"x", fence=2).status_code == 409


def test_a_run_token_ends_some_minutes_after_its_attempt(credit: People) -> None:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    trainer.finish("failed", failure_code="ours:training-crashed")
    assert trainer.beat(1).status_code == 409
    Attempt.objects.filter(run=run).update(ended_at="2020-01-01T00:00:00Z")
    assert trainer.beat(1).status_code == 401


def test_a_repeated_heartbeat_adds_its_points_and_lines_once(credit: People) -> None:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    for sequence in (1, 1, 2, 1, 2):
        answer = trainer.beat(sequence, curve=[{"step": sequence}], log=[f"line {sequence}"], progress=sequence / 10)
        assert answer.status_code == 200
    run.refresh_from_db()
    assert [point["step"] for point in run.curve] == [1, 2]
    assert list(RunLogLine.objects.order_by("id").values_list("text", flat=True)) == ["line 1", "line 2"]
    assert run.progress == 0.2


def test_a_heartbeat_renews_the_lease_on_the_clock_of_the_database(credit: People) -> None:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    lose(run)
    trainer.beat(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM lease_until - clock_timestamp()) FROM training_run")
        (left_s,) = cursor.fetchone()
    assert 25 < left_s <= 30
    assert reap_lost_runs() == 0


def test_the_log_of_a_run_stays_within_its_limit(credit: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "LOG_LINES_MAX", 5)
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    trainer.beat(1, log=["a", "b", "c"])
    trainer.beat(2, log=["d", "e" * 5000, "f", "g"])
    trainer.beat(3, log=["h"])
    lines = list(RunLogLine.objects.filter(run=run).order_by("id").values_list("text", flat=True))
    assert lines == ["a", "b", "c", "d", "The log ends here: 5 lines are kept of a run."]


def test_a_heartbeat_that_is_not_one_is_refused_with_the_place(credit: People) -> None:
    queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    for wrong in (
        {"sequence": "1"},
        {"progress": None},
        {"candidates": [{"family": 3, "state": "done"}]},
        {"log": [1]},
    ):
        body = {"fence": 1, "state": "running", "progress": 0.1, "sequence": 1}
        answer = trainer.call("heartbeat", body | wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "yours:invalid")


def test_damaged_bytes_are_refused_and_leave_nothing(credit: People, storage: Path) -> None:
    queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    answer = trainer.put("model.onnx", b"bytes", sha256="0" * 64)
    assert (answer.status_code, answer.json()["code"]) == (422, "yours:checksum-mismatch")
    assert not [path for path in storage.rglob("*") if path.is_file()]
    assert not RunFile.objects.exists()


def test_a_file_larger_than_allowed_is_refused_and_leaves_nothing(
    credit: People, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "FILE_BYTES_MAX", 1000)
    queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    assert trainer.put("model.onnx", bytes(1001)).status_code == 413
    assert trainer.put("model.onnx", bytes(1000)).status_code == 200
    assert len([path for path in storage.rglob("*") if path.is_file()]) == 1


def test_a_model_larger_than_a_json_body_may_be_is_taken(credit: People, settings: Any) -> None:
    queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    answer = trainer.put("model.onnx", bytes(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))
    assert answer.json()["size_bytes"] == settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1


@pytest.mark.parametrize("name", ["..", ".hidden", "a%20b", "x" * 81])
def test_a_file_name_that_could_be_a_path_is_refused(credit: People, name: str) -> None:
    queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    assert trainer.put(name, b"x").status_code in (404, 422)
    assert not RunFile.objects.exists()


def test_a_checkpoint_survives_its_replacement_until_the_new_one_is_registered(
    credit: People, django_capture_on_commit_callbacks: Any
) -> None:
    queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    assert trainer.get("checkpoint").status_code == 404

    def put_and_register(step: int, content: bytes, *, register: bool = True) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            stored = trainer.put("checkpoint.bin", content).json()
        if register:
            with django_capture_on_commit_callbacks(execute=True):
                body = {"fence": 1, "step": step, "name": "checkpoint.bin", "sha256": stored["sha256"]}
                assert trainer.call("checkpoint", body).status_code == 204

    def kept() -> tuple[str, bytes]:
        answer = trainer.get("checkpoint")
        return answer["X-Checkpoint-Step"], b"".join(answer.streaming_content)  # type: ignore[attr-defined]

    put_and_register(3, b"three")
    assert kept() == ("3", b"three")
    put_and_register(4, b"four", register=False)  # killed between the two calls
    assert kept() == ("3", b"three")
    put_and_register(5, b"five")
    assert kept() == ("5", b"five")
    put_and_register(2, b"two")
    assert kept() == ("5", b"five")


def test_a_model_that_does_not_answer_like_the_trained_one_fails_the_run_uncharged(credit: People) -> None:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    trainer.worked_for(20)
    answer = trainer.finish(files=trainer.put_package(parity={"label_flips": 1}))
    assert answer.json() == {"state": "failed", "model_version": None}
    run.refresh_from_db()
    assert run.error_code == "ours:parity-failed"
    assert credit_wallet(credit.organisation).available_micros == CREDIT_MICROS
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("flaw", ["missing file", "other hash", "other model", "other target", "nonsense"])
def test_a_package_that_does_not_hold_together_is_never_published(credit: People, flaw: str) -> None:
    run = queued_run(credit.organisation)
    trainer = Trainer.joined()
    trainer.claim()
    changed = {"other model": {"model_sha256": "0" * 64}, "other target": {"target": "mass"}}.get(flaw, {})
    files = trainer.put_package(**changed)
    if flaw == "missing file":
        files = files[:-1]
    elif flaw == "other hash":
        trainer.put("model.onnx", b"another model")
    elif flaw == "nonsense":
        stored = trainer.put("manifest.json", b"{").json()
        files = [type(file)(**stored) if file.name == "manifest.json" else file for file in files]
    assert trainer.finish(files=files).json() == {"state": "failed", "model_version": None}
    run.refresh_from_db()
    assert run.error_code == "ours:export-failed"
    assert run.error_detail
    assert not ModelVersion.objects.exists()


def test_postgresql_allows_exactly_the_moves_that_the_rules_allow(credit: People) -> None:
    for before in RUN_STATES:
        run = a_finished_run(credit.organisation, state=before)
        for after in RUN_STATES:
            if before != after:
                assert moves(run, after) == rules.may_move(before, after), (before, after)


def moves(run: Run, state: str) -> bool:
    """Whether PostgreSQL lets the run go there; the move is undone."""
    try:
        with transaction.atomic():
            Run.objects.filter(id=run.id).update(state=state)
            transaction.set_rollback(True)
    except DatabaseError:
        return False
    return True


def test_a_fence_never_falls(credit: People) -> None:
    run = a_finished_run(credit.organisation, fence=4)
    with pytest.raises(DatabaseError), transaction.atomic():
        Run.objects.filter(id=run.id).update(fence=3)
