"""The client and the command against the whole running platform; the notebook's training is the one they share."""

import asyncio
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelyard_client import AsyncClient, Client, Conflict, Invalid, NotAuthenticated, NotFound, Refused
from modelyard_client.commands.main import main
from tests.road import EXAMPLES, penguin_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = EXAMPLES.parent

PENGUIN = '{"island": "Biscoe", "bill_length_mm": 48.7, "body_mass_g": 5000}'


@pytest.fixture(scope="module")
def account(stack):
    return stack.bootstrap("Client", "client@example.com")


@pytest.fixture(scope="module")
def environment(stack, account, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return {"MODELYARD_API_KEY": account.api_key, "MODELYARD_URL": stack.web_url, "XDG_CONFIG_HOME": str(home)}


@pytest.fixture(scope="module")
def client(environment):
    with Client(environment["MODELYARD_API_KEY"], environment["MODELYARD_URL"]) as made:
        yield made


@pytest.fixture(scope="module")
def notebook(environment) -> dict[str, Any]:
    """Every name that the notebook's cells leave behind."""
    cells = json.loads((EXAMPLES / "the_road.ipynb").read_text())["cells"]
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.chdir(EXAMPLES)
        for cell in cells:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), names)
    return names


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def outside(environment, notebook):
    """Run the command in a process of its own, as a shell does."""

    def run(*arguments: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "modelyard_client", *arguments],
            cwd=EXAMPLES, env=os.environ | environment | {"PYTHONPATH": str(ROOT / "platform")},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="module")
def command(environment, notebook):
    """Run the command in this process: the same code, without Python's start."""

    def run(*arguments: str, typed: str = "", without: str = "") -> Done:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in environment.items():
                patch.setenv(name, value)
            if without:
                patch.delenv(without)
            patch.chdir(EXAMPLES)
            patch.setattr(sys, "stdin", io.StringIO(typed))
            try:
                code = main(arguments)
            except SystemExit as end:  # argparse
                code = int(end.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="module")
def told(command):
    """What a command prints with --json."""

    def run(*arguments: str, typed: str = "") -> Any:
        done = command(*arguments, "--json", typed=typed)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_the_notebook_walks_the_whole_road(notebook):
    run, seen = notebook["run"], notebook["seen"]
    assert run.metrics["accuracy"] > run.baseline["accuracy"] + 0.2
    assert run.cost_micros <= notebook["estimate"].max_cost_micros
    assert seen[-1] == ("succeeded", 1.0)
    assert len(seen) > 2
    assert notebook["answer"].labels == ["Gentoo"]
    assert len({one.usage.id for one in notebook["again"]}) == 1
    assert (notebook["batch"].rows_done, notebook["batch"].rows_failed) == (69, 0)
    charged = {row["meter"]: row["amount_micros"] for row in notebook["usage"].data}
    assert charged["training_compute_seconds"] == run.cost_micros
    assert charged["batch_rows"] == notebook["batch"].cost_micros
    assert notebook["draft"].total_micros >= run.cost_micros


def test_a_downloaded_model_is_the_one_that_serves(notebook, client):
    version = client.model_versions.get(notebook["run"].model_version)
    onnx = next(file for file in notebook["files"] if file.name == "model.onnx")
    assert onnx.stat().st_size == version.model_bytes
    assert notebook["answer"].model_version == version.id
    assert version.id in {one.id for one in client.model_versions.list(model=version.model)}


def test_an_explanation_is_the_same_in_the_client(notebook, client):
    rows, _ = penguin_rows()
    answer = client.explain("penguins-notebook", rows[:1], label="Gentoo", most_rows=40, seed=1)
    (explanation,) = answer.explanations
    assert answer.usage.units == explanation.rows <= 40
    assert explanation.label == "Gentoo"
    assert explanation.baseline + sum(explanation.shares.values()) == pytest.approx(explanation.answer, abs=1e-4)


def test_many_questions_at_once_from_an_event_loop(notebook, environment, client):
    rows, _ = penguin_rows()

    async def ask() -> list[str]:
        async with AsyncClient(environment["MODELYARD_API_KEY"], environment["MODELYARD_URL"]) as asking:
            answers = await asyncio.gather(*(asking.predict("penguins-notebook", [row]) for row in rows[:10]))
            return [answer.labels[0] for answer in answers]

    with ThreadPoolExecutor(1) as thread:  # where no other test's event loop runs
        answers = thread.submit(asyncio.run, ask()).result()
    assert answers == client.predict("penguins-notebook", rows[:10]).labels


def test_mistakes_are_told_by_their_kind(notebook, client, environment):
    with pytest.raises(Invalid) as caught:
        client.predict("penguins-notebook", [{"bill_length_mm": "long"}])
    assert caught.value.code == "yours:row-invalid"
    assert "bill_length_mm" in caught.value.errors[0]["location"]
    with pytest.raises(NotFound):
        client.runs.get("run_nobody")
    with pytest.raises(Conflict):
        client.endpoints.create("penguins-notebook", notebook["run"].model_version)
    with pytest.raises(Refused) as refused:
        client.datasets.upload(b"a,a\n1,2\n", file_name="twice.csv")
    assert refused.value.errors[0]["fix"]
    with Client("my_live_wrong", environment["MODELYARD_URL"]) as stranger, pytest.raises(NotAuthenticated):
        stranger.organisation()


def test_weights_change_and_shadows_stay(notebook, client):
    version = notebook["run"].model_version
    changed = client.endpoints.set_weights("penguins-notebook", {version: 100})
    assert [(one.model_version, one.weight) for one in changed.deployments] == [(version, 100)]
    analytics = client.endpoints.analytics("penguins-notebook")
    assert set(analytics) >= {"total", "data", "deployments"}


def test_budgets_and_credit_are_reached(notebook, client):
    budget = client.budgets.create("client", 5_000_000)
    assert client.budgets.change(budget.id, limit_micros=6_000_000).limit_micros == 6_000_000
    assert budget.id in {one.id for one in client.budgets.list()}
    client.budgets.delete(budget.id)
    assert budget.id not in {one.id for one in client.budgets.list()}
    assert client.credits.get().available_micros > 0


def test_login_remembers_the_key_so_that_nothing_else_is_needed(command, account, environment):
    wrong = command("login", "--json", typed="my_live_wrong\n", without="MODELYARD_API_KEY")
    assert wrong.returncode == 4
    assert json.loads(wrong.stderr)["error"]["code"] == "yours:not-authenticated"
    assert command("whoami", without="MODELYARD_API_KEY").returncode == 4
    assert command("login", typed=f"{account.api_key}\n", without="MODELYARD_API_KEY").returncode == 0
    seen = command("whoami", "--json", without="MODELYARD_API_KEY")
    assert json.loads(seen.stdout)["organisation"]["name"] == "Client"
    stored = Path(environment["XDG_CONFIG_HOME"]) / "modelyard" / "config.json"
    assert stored.stat().st_mode & 0o077 == 0


def test_one_command_goes_from_a_file_to_an_answer(outside, command, told):
    done = outside("train", "penguins/train.csv", "--target", "species", "--budget", "10", "--families", "linear",
                   "--deploy", "penguins-command", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["run"]["state"] == "succeeded"
    assert made["endpoint"]["state"] == "ready"
    answer = told("predict", "penguins-command", "--rows", "penguins/test.csv")
    _, truth = penguin_rows()
    right = [one["label"] == label for one, label in zip(answer["predictions"], truth, strict=True)]
    assert sum(right) / len(right) > 0.9
    why = told("explain", "penguins-command", "--row", PENGUIN)
    (explanation,) = why["explanations"]
    shares = {one["column"]: one["attribution"] for one in explanation["columns"]}
    assert explanation["baseline"] + sum(shares.values()) == pytest.approx(explanation["answer"], abs=1e-4)
    assert why["usage"]["units"] == explanation["rows"]
    assert "bill_length_mm" in command("explain", "penguins-command", "--row", PENGUIN).stdout
    run_id = made["run"]["id"]
    assert run_id in {one["id"] for one in told("runs")["data"]}
    assert command("logs", run_id, "--follow").stdout == command("logs", run_id).stdout != ""


def test_deploying_a_second_version_shares_the_traffic(told, notebook):
    first = told("endpoints", "penguins-command")["deployments"][0]["model_version"]
    second = notebook["run"].model_version
    shared = told("deploy", second, "penguins-command", "--weight", "25")
    assert {one["model_version"]: one["weight"] for one in shared["deployments"]} == {first: 75, second: 25}
    back = told("endpoints", "penguins-command", "--rollback")
    assert {one["model_version"]: one["weight"] for one in back["deployments"]} == {first: 100}


def test_a_run_may_be_left_alone_and_cancelled(told, notebook):
    queued = told("train", notebook["version"].id, "--target", "species", "--budget", "600", "--no-wait")
    cancelled = told("runs", queued["run"]["id"], "--cancel")
    assert cancelled["cancel_requested"] or cancelled["state"] == "cancelled"


def test_keys_are_made_and_revoked(told, command):
    made = told("keys", "--create", "reader", "--scopes", "read")
    assert made["secret"].startswith("my_live_")
    assert told("whoami", "--api-key", made["secret"])["organisation"]["name"] == "Client"
    told("keys", "--revoke", made["id"])
    assert command("whoami", "--api-key", made["secret"]).returncode == 4


def test_people_get_tables_and_exit_codes_tell_what_happened(command):
    table = command("usage", "--by", "endpoint")
    assert table.returncode == 0
    assert "training_compute_seconds" in table.stdout
    assert "in all" in table.stdout
    assert command("endpoints", "nobody").returncode == 3
    assert command("upload", "no-such-file.csv").returncode == 3
    assert command("whoami", "--url", "http://127.0.0.1:9").returncode == 5
    assert command("predict", "penguins-command").returncode == 2
    image = command("predict", "penguins-command", "--image", "the_road.ipynb", "--json")
    assert image.returncode == 3
    assert json.loads(image.stderr)["error"]["code"] == "client:image-unknown"
