"""A log of purchases through HTTP and real processes: upload → train → deploy → recommend → batch."""

import csv
import json

import pytest

from tests.road import Road
from tests.workers.train.logs import log_table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def road(stack):
    return Road(stack, stack.bootstrap("Shop", "shop@example.com"))


@pytest.fixture(scope="module")
def endpoint(road, tmp_path_factory):
    """An endpoint that recommends, from a CSV file of purchases."""
    file = tmp_path_factory.mktemp("shop") / "purchases.csv"
    table = log_table(users=60).to_pydict()
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))
    version = road.upload(file, name="Purchases")
    assert (version["inferred_task"], version["inferred_target"]) == ("recommendation", "product")
    families = ["popularity", "next_item", "ease"]
    run, endpoint = road.served(version, "next-purchase", task="recommendation", families=families)
    assert run["metrics"]["ndcg@10"] > 1.3 * run["baseline"]["ndcg@10"]
    return endpoint


def test_users_histories_and_strangers_are_recommended_items(road, endpoint):
    rows = [{"customer": "u4", "k": 3}, {"history": ["p20", "p21"], "k": 2}, {"user": "never seen"}]
    known, sent, stranger = (prediction["items"] for prediction in road.predictions(endpoint["name"], rows))
    assert [row["item"][:2] for row in known[:2]] == ["p1", "p1"]
    assert len(known) == 3
    assert known[0]["score"] >= known[1]["score"]
    assert 1 <= known[0]["rating"] <= 5
    assert sent[0]["item"] == "p22"
    assert len(stranger) == 10
    refused = road.ask(endpoint["name"], [{"history": "p20"}])
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["location"] == "rows[0].history"


def test_a_batch_recommends_for_every_line(road, endpoint):
    lines = b"customer,history\nu4,\n,p20|p21\n"
    done, result = road.batch(endpoint["name"], lines)
    assert (done["rows_done"], done["rows_failed"]) == (2, 0)
    (asked,) = road.predictions(endpoint["name"], [{"user": "u4"}])
    assert json.loads(result[0]["prediction"]) == [row["item"] for row in asked["items"]]
    assert json.loads(result[1]["prediction"])[0] == "p22"
