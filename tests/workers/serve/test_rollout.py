"""Several versions behind one name: who meets which, what the shadow sees, what is counted of each."""

import dataclasses
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.ids import new_id
from contracts.serving import PublishedDeployment
from tests.workers.serve import models
from tests.workers.serve.serving import Serving, serving, wait_for
from tests.workers.serve.small_control import SmallControl


class Yard:
    """A server of this file alone, with a control that remembers what it was told."""

    def __init__(self, control: SmallControl, server: Serving) -> None:
        self.control, self.server = control, server
        self.organisation = control.organisation()
        self.key = control.key(self.organisation)

    def deploy(self, name: str, *deployments: PublishedDeployment, **fields: Any) -> str:
        made = self.control.endpoint(self.organisation, name, **fields)
        self.control.endpoints[made.id] = dataclasses.replace(made, deployments=list(deployments))
        self.server.publish()
        return made.id

    def weighted(self, bias: float, weight: int, *, shadow: bool = False) -> PublishedDeployment:
        deployment = self.control.deployment(models.classifier(bias=bias), f"ver_{new_id('v')[2:]}")
        return dataclasses.replace(deployment, weight=weight, shadow=shadow)

    def copied_to(self, name: str, *shadows: PublishedDeployment) -> None:
        """A shadow loads after the endpoint is ready: ask until each has seen a copy, and each copy is counted."""

        def seen(one: PublishedDeployment) -> int:
            told = self.counted(one)
            return int(told.get("shadow_compared", 0) + told.get("shadow_failed", 0))

        def all_seen() -> bool:
            self.server.predict(self.key, name, {"age": 1})
            return all(map(seen, shadows))

        wait_for(all_seen)
        wait_for(lambda: [seen(one) for one in shadows] == (time.sleep(0.25), [seen(one) for one in shadows])[1])

    def counted(self, deployment: PublishedDeployment | str) -> dict[str, Any]:
        """Everything told of a deployment so far, added up."""
        named = deployment if isinstance(deployment, str) else deployment.id
        total: dict[str, Any] = {}
        seen = set()
        with self.control.lock:
            posts = [status["analytics"] for status in self.control.statuses if status.get("analytics")]
        for post in posts:
            if (post["boot"], post["sequence"]) in seen:
                continue
            seen.add((post["boot"], post["sequence"]))
            for counts in post["counts"]:
                if counts["deployment"] == named:
                    _add(total, counts)
        return total


def _add(total: dict[str, Any], counts: dict[str, Any]) -> None:
    for name, value in counts.items():
        if isinstance(value, dict):
            total[name] = dict(Counter(total.get(name, {})) + Counter(value))
        elif name not in ("endpoint", "deployment", "minute"):
            total[name] = total.get(name, 0) + value


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    control = SmallControl()
    control.publish()
    folder = tmp_path_factory.mktemp("rollout") / "data"
    with serving(control, folder, SERVE_COUNTS_MS="100") as server:
        yield Yard(control, server)
    control.close()


def test_a_sticky_caller_meets_one_version_and_changed_weights_move_only_some(yard: Yard):
    first, second = yard.weighted(0.0, 50), yard.weighted(1.0, 50)
    endpoint = yard.deploy("sticky", first, second, sticky="x-sticky-key")

    def meets(caller: int) -> str:
        answer = yard.server.predict(yard.key, "sticky", {"age": 1}, X_Sticky_Key=f"caller-{caller}")
        assert answer.headers["Model-Deployment"] in (first.id, second.id)
        return answer.headers["Model-Version"]

    before = {caller: meets(caller) for caller in range(60)}
    assert before == {caller: meets(caller) for caller in range(60)}
    assert 15 < list(before.values()).count(first.model_version) < 45
    by_query = yard.server.http.post(
        "/v1/predict/sticky?x-sticky-key=caller-7",
        content=b'{"rows":[{"age":1}]}',
        headers={"Authorization": f"Bearer {yard.key}", "Content-Type": "application/json"},
    )
    assert by_query.headers["Model-Version"] == before[7]
    moved = [dataclasses.replace(first, weight=20), dataclasses.replace(second, weight=80)]
    yard.control.endpoints[endpoint] = dataclasses.replace(yard.control.endpoints[endpoint], deployments=moved)
    yard.server.publish()
    after = {caller: meets(caller) for caller in range(60)}
    assert all(after[caller] == second.model_version for caller in before if before[caller] == second.model_version)
    assert before != after


def test_an_endpoint_that_becomes_sticky_hears_clients_whose_head_it_knew(yard: Yard):
    first, second = yard.weighted(0.0, 50), yard.weighted(1.0, 50)
    endpoint = yard.deploy("later", first)

    def meets(caller: int) -> str:
        answer = yard.server.predict(yard.key, "later", {"age": 1}, X_Later_Key=f"c{caller}")
        return answer.headers["Model-Version"]

    for _ in range(4):
        assert {meets(caller) for caller in range(8)} == {first.model_version}
    shared = dataclasses.replace(yard.control.endpoints[endpoint], deployments=[first, second], sticky="x-later-key")
    yard.control.endpoints[endpoint] = shared
    yard.server.publish()
    met = [[meets(caller) for caller in range(8)] for _ in range(6)]
    assert all(again == met[0] for again in met)
    assert len(set(met[0])) == 2


def test_a_shadow_gets_copies_that_are_compared_and_never_billed(yard: Yard):
    main = yard.weighted(0.0, 100)
    same, other = yard.weighted(0.0, 100, shadow=True), yard.weighted(9.0, 100, shadow=True)
    yard.deploy("shadowed", main, same, other)
    yard.copied_to("shadowed", same, other)
    before = {one.id: yard.counted(one)["shadow_compared"] for one in (same, other)}
    answers = [yard.server.predict(yard.key, "shadowed", {"age": age}) for age in range(-10, 10)]
    assert {answer.headers["Model-Version"] for answer in answers} == {main.model_version}
    for one in (same, other):
        wait_for(lambda one=one: yard.counted(one)["shadow_compared"] == before[one.id] + 20)
    assert yard.counted(same)["shadow_disagreed"] == 0
    assert 0 < yard.counted(other)["shadow_disagreed"] < yard.counted(other)["shadow_compared"]
    assert yard.counted(same)["statuses"] == {}
    assert yard.counted(same)["units"] == 0
    billed = {answer.headers["Usage-Id"] for answer in answers}
    wait_for(lambda: billed <= set(yard.control.usage))
    versions = [record["model_version"] for record in yard.control.usage.values()]
    assert same.model_version not in versions
    assert other.model_version not in versions


def test_a_shadow_that_cannot_answer_changes_nothing_for_the_caller(yard: Yard):
    main = yard.weighted(0.0, 100)
    blind = dataclasses.replace(yard.control.deployment(models.wide_network(columns=5)), weight=100, shadow=True)
    yard.deploy("half-blind", main, blind)
    yard.copied_to("half-blind", blind)
    answers = [yard.server.predict(yard.key, "half-blind", {"age": 1}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    wait_for(lambda: yard.counted(blind)["shadow_failed"] >= 6)
    assert yard.counted(blind)["shadow_compared"] == 0


def test_what_is_counted_is_what_was_answered(yard: Yard):
    main = yard.weighted(0.0, 100)
    endpoint = yard.deploy("counted", main)
    for rows in (1, 3):
        assert yard.server.predict(yard.key, "counted", *[{"age": 1}] * rows).status_code == 200
    assert yard.server.predict(yard.key, "counted", {"age": "old"}).status_code == 422
    wait_for(lambda: sum(yard.counted(main).get("statuses", {}).values()) == 3)
    told = yard.counted(main)
    assert told["statuses"] == {"2": 2, "4": 1}
    assert told["units"] == 4
    assert told["errors"] == {"yours:row-invalid": 1}
    assert sum(told["latency_us"].values()) == sum(told["queue_us"].values()) == 2
    assert told["batch_rows"]["3"] == 1
    series = f'serve_endpoint_answers_total{{process="0",endpoint="{endpoint}",deployment="{main.id}",status="2xx"}}'
    assert f"{series} 2\n" in yard.server.http.get("/metrics").text


def test_counts_that_control_did_not_hear_are_told_again_and_once(yard: Yard):
    main = yard.weighted(0.0, 100)
    yard.deploy("patient", main)
    yard.control.away = True
    assert yard.server.predict(yard.key, "patient", {"age": 1}).status_code == 200
    wait_for(lambda: "control did not take the counts" in yard.server.log())
    yard.control.away = False
    wait_for(lambda: yard.counted(main).get("statuses") == {"2": 1})
