"""docs/api/python-client.md names what there is: every method, every verb; its Python is Python."""

import re
from pathlib import Path

from modelyard_client import Client
from modelyard_client.commands.main import parser

MANUAL = (Path(__file__).resolve().parents[2] / "docs" / "api" / "python-client.md").read_text()


def test_every_method_of_the_table_exists():
    with Client("k", "http://127.0.0.1:9") as client:
        rows = re.findall(r"^\| (`[a-z_` ·]+) \| (`.*`) \|$", MANUAL, re.MULTILINE)
        named = {}
        for resources, methods in rows:
            for resource, group in zip(resources.split(" · "), methods.split(" · "), strict=False):
                if resource != "`predict`":
                    named[resource.strip("`")] = group.strip("`").split()
        assert len(named) == 11
        missing = [f"{one}.{m}" for one, methods in named.items() for m in methods if not hasattr(vars(client)[one], m)]
        assert missing == []


def test_every_verb_of_the_command_is_named():
    line = next(line for line in MANUAL.splitlines() if line.startswith("`modelyard login |"))
    verbs = line.split("`")[1].removeprefix("modelyard ").split(" | ")
    (choices,) = [action.choices for action in parser()._actions if action.dest == "verb"]
    assert set(verbs) == set(choices or ())


def test_the_examples_are_python():
    blocks = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        compile(block, "python-client.md", "exec")
