"""Uploads that are logs of events: recognised, counted, and read with the roles that their owner gives."""

import json
from pathlib import Path
from typing import Any

import pytest

from apps.datasets.checking.child import examine
from apps.datasets.rules import checked_options
from contracts.problems import Problem


def log_csv(header: str = "user_id,item_id,rating") -> str:
    rows = [f"{user},{(user + step) % 9},{1 + step}" for user in range(20) for step in range(4)]
    return "\n".join([header, *rows, "0,0,5", "99,1,3", ",2,3"]) + "\n"


def looked_at(folder: Path, content: str, name: str = "log.csv", **options: Any) -> dict[str, Any]:
    (folder / "upload").write_text(content)
    return examine(folder, name, options)


def codes(answer: dict[str, Any]) -> set[str]:
    return {issue["code"] for issue in answer["issues"]}


def test_a_log_is_recognised_by_its_names_and_counted(tmp_path: Path) -> None:
    answer = looked_at(tmp_path, log_csv())
    assert (answer["inferred_task"], answer["inferred_target"]) == ("recommendation", "item_id")
    log = answer["profile"]["log"]
    assert log["roles"] == {"user": "user_id", "item": "item_id", "rating": "rating"}
    assert (log["users"], log["items"], log["events"], log["repeats"], log["single_event_users"]) == (21, 9, 82, 1, 1)
    assert {"data:repeated-events", "data:event-incomplete"} <= codes(answer)


def test_json_lines_are_logs_too(tmp_path: Path) -> None:
    rows = [{"customer": f"c{i % 15}", "sku": f"s{i % 7}", "at": f"2026-01-{1 + i % 28:02}"} for i in range(60)]
    answer = looked_at(tmp_path, "\n".join(map(json.dumps, rows)), "log.jsonl")
    assert answer["inferred_task"] == "recommendation"
    assert answer["profile"]["log"]["roles"] == {"user": "customer", "item": "sku", "time": "at"}


def test_a_list_of_customers_is_no_log(tmp_path: Path) -> None:
    rows = [f"c{i},p{i % 3},{20 + i % 50},{'yes' if i % 4 else 'no'}" for i in range(60)]
    answer = looked_at(tmp_path, "\n".join(["customer,product,age,churn", *rows]), "table.csv")
    assert answer["inferred_task"] == "tabular_classification"


def test_roles_may_be_given_and_must_name_columns(tmp_path: Path) -> None:
    named = {"task": "recommendation", "roles": {"user": "a", "item": "b", "rating": ""}}
    answer = looked_at(tmp_path, log_csv("a,b,rating"), **named)
    assert answer["profile"]["log"]["roles"] == {"user": "a", "item": "b"}
    refused = looked_at(tmp_path, log_csv("a,b,c"), task="recommendation", roles={"user": "nobody"})
    assert refused["outcome"] == "refused"
    assert "yours:roles-unclear" in codes(refused)


def test_a_recommendation_without_users_is_told_so(tmp_path: Path) -> None:
    rows = "\n".join(["product,amount", *(f"p{i % 5},{i + 0.5}" for i in range(40))])
    answer = looked_at(tmp_path, rows, task="recommendation")
    assert "data:role-missing" in codes(answer)


@pytest.mark.parametrize("roles", [["user"], {"user": 3}, {"owner": "a"}, {"user": "a", "item": "a"}])
def test_options_with_impossible_roles_are_refused_before_the_file_is_kept(roles: Any) -> None:
    with pytest.raises(Problem) as caught:
        checked_options({"roles": roles})
    assert caught.value.errors[0]["location"] == "options.roles"
