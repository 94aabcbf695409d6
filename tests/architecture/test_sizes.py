"""Files and functions stay small enough to read; the list of exceptions may only shrink."""

import ast
import functools
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES, FUNCTION_LINES, RECIPE_LINES = 500, 60, 350
EXCEPTIONS = Path(__file__).with_name("size_exceptions.json")  # "path" or "path::function" -> lines it has today


@functools.cache
def _sizes() -> dict[str, tuple[int, int]]:
    """Name -> (lines, limit) of every file and function of ours."""
    sizes = {}
    for folder in ("platform", "apps", "workers", "tests", "scripts", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            if "migrations" in path.parts:
                continue
            name, text = str(path.relative_to(ROOT)), path.read_text()
            is_recipe = "workers/train/recipes/" in name
            sizes[name] = (text.count("\n"), RECIPE_LINES if is_recipe else FILE_LINES)
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    sizes[f"{name}::{node.name}@{node.lineno}"] = (lines, FUNCTION_LINES)
    return sizes


def test_no_file_or_function_grows_beyond_its_budget() -> None:
    excepted = json.loads(EXCEPTIONS.read_text())
    too_large = {
        name: lines for name, (lines, limit) in _sizes().items() if lines > excepted.get(name.split("@")[0], limit)
    }
    assert too_large == {}, "split it; the list of exceptions is not for new ones"


def test_the_list_of_exceptions_only_shrinks() -> None:
    sizes: dict[str, tuple[int, int]] = {}
    for name, size in _sizes().items():
        key = name.split("@")[0]
        sizes[key] = max(sizes.get(key, (0, 0)), size)
    for name, allowed in json.loads(EXCEPTIONS.read_text()).items():
        assert name in sizes, f"{name} is gone: remove it from the list"
        lines, limit = sizes[name]
        assert lines > limit, f"{name} fits its budget now: remove it from the list"
        assert lines == allowed, f"{name} has {lines} lines now: write that in the list"
