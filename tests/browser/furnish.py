"""An organisation in which every screen has something real to show: uploads, models, calls, webhooks, budgets."""

from dataclasses import dataclass, field
from pathlib import Path

from apps.datasets.samples import SAMPLES
from tests.road import EXAMPLES, Road, penguin_rows

BROKEN = 'name,size\nred,1\nblue,2,3\n"green,4\n'
RUN_S = 20


@dataclass
class Furnished:
    """Names of screens -> their addresses; `home` is the organisation's prefix."""

    road: Road
    home: str
    screens: dict[str, str] = field(default_factory=dict)

    def show(self, name: str, path: str) -> None:
        self.screens[name] = self.home + path


def furnish(road: Road, folder: Path, *, samples: tuple[str, ...] = tuple(SAMPLES), run_s: int = RUN_S) -> Furnished:
    """Go down the whole road with each sample; the penguins get traffic, a canary and a batch besides."""
    done = Furnished(road, f"/o/{road.account.slug}/")
    for slug in samples:
        _train_and_serve(done, slug, run_s)
    _refused_upload(done, folder)
    _traffic(done)
    _around_it(done)
    for name, path in _LISTS.items():
        done.show(name, path)
    return done


_LISTS = {
    "overview": "",
    "datasets": "datasets/",
    "dataset new": "datasets/new",
    "runs": "runs/",
    "run: choose data": "runs/new",
    "models": "models/",
    "endpoints": "endpoints/",
    "endpoint new": "endpoints/new",
    "batches": "batches/",
    "batch new": "batches/new",
    "keys": "keys/",
    "key new": "keys/new",
    "usage": "usage/",
    "billing": "billing",
    "billing plan": "billing/plan",
    "billing credit": "billing/credit",
    "billing budgets": "billing/budgets",
    "billing invoices": "billing/invoices",
    "billing profile": "billing/profile",
    "billing auto top-up": "billing/auto-top-up",
    "webhooks": "webhooks/",
    "webhook new": "webhooks/new",
    "members": "members/",
    "audit": "audit/",
}


def _train_and_serve(done: Furnished, slug: str, run_s: int) -> None:
    road, sample = done.road, SAMPLES[slug]
    version = road.upload(sample.path, name=sample.name)
    dataset = f"datasets/{version['dataset']}/"
    done.show(f"{slug}: dataset", dataset)
    done.show(f"{slug}: data", f"{dataset}versions/{version['id']}/")
    done.show(f"{slug}: new run", f"runs/new?dataset_version={version['id']}")
    run = road.finished(road.start_run(version, seconds=run_s, name=f"First try on {sample.name}"), within_s=300)
    assert run["state"] == "succeeded", (slug, run["error"])
    done.show(f"{slug}: run", f"runs/{run['id']}/")
    done.show(f"{slug}: run again", f"runs/{run['id']}/again")
    done.show(f"{slug}: model", f"model-versions/{run['model_version']}/")
    endpoint = road.deploy(slug, run["model_version"])
    for tab in ("", "analytics", "playground", "code", "settings"):
        done.show(f"{slug}: endpoint {tab}".strip(), f"endpoints/{endpoint['id']}/{tab}")


def _refused_upload(done: Furnished, folder: Path) -> None:
    broken = folder / "colours of the things in the cupboard, second count.csv"
    broken.write_text(BROKEN)
    dataset = done.road.post("/datasets", {"name": "A name that somebody wrote without thinking of narrow screens"})
    with broken.open("rb") as stream:
        version = done.road.post(f"/datasets/{dataset['id']}/versions", files={"file": (broken.name, stream)})
    path = f"/datasets/{dataset['id']}/versions/{version['id']}"
    done.road.until(lambda: done.road.get(path), lambda seen: seen["state"] == "refused", 60, "the refusal")
    done.show("refused: data", f"datasets/{dataset['id']}/versions/{version['id']}/")


def _traffic(done: Furnished) -> None:
    rows, _ = penguin_rows()
    for place in range(0, 60, 3):
        assert done.road.ask("penguins", rows[place : place + 3]).status_code == 200
    assert done.road.ask("penguins", [{"bill_length_mm": "long"}]).status_code == 422
    with (EXAMPLES / "penguins" / "test.csv").open("rb") as stream:
        batch = done.road.post("/batches", data={"endpoint": "penguins"}, files={"file": ("test.csv", stream)})
    path = f"/batches/{batch['id']}"
    done.road.until(lambda: done.road.get(path), lambda seen: seen["state"] == "succeeded", 60, "the batch")
    done.show("batch", f"batches/{batch['id']}/")


def _around_it(done: Furnished) -> None:
    road = done.road
    webhook = road.post("/webhooks", {"url": "https://example.com/hooks/modelyard", "description": "Our chat"})
    road.post(f"/webhooks/{webhook['id']}/ping", {})
    done.show("webhook", f"webhooks/{webhook['id']}/")
    road.post("/invitations", {"email": "somebody.with.a.long.address@research.example.org", "role": "member"})
    key = road.post("/keys", {"name": "Nightly job", "scopes": ["predict"]})
    done.show("key", f"keys/{key['id']}/")
    done.show("sub-key new", f"keys/{key['id']}/sub-keys/new")
    budget = {"name": "Everything", "scope": "organisation", "scope_id": road.get("/organisation")["id"]}
    road.post("/budgets", budget | {"limit_micros": 20_000_000})
    runs = road.get("/runs")["data"]
    done.show("compare: choose", "runs/compare")
    if len(runs) > 1:
        done.show("compare", f"runs/compare?a={runs[0]['id']}&b={runs[1]['id']}")
    model = road.get("/models")["data"][0]
    done.show("model versions", f"models/{model['id']}/")
