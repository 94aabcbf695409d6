#!/usr/bin/env python
"""Entry point: `up` and `demo` run the whole platform on this machine; every other verb is a Django command."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# `platform/` is a source root, not a package: with both folders on the path one writes `modelyard.settings`.
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]


def main(arguments: list[str]) -> int:
    """Run a verb; `up` and `demo` come before Django, whose settings need the servers that these start."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelyard.settings")
    verb = arguments[1] if len(arguments) > 1 else "help"
    if verb == "up":
        from embedded.command import up

        return up(arguments[2:])
    if verb == "demo":
        from apps.console.demo.command import demo

        return demo(arguments[2:])
    from django.core.management import execute_from_command_line

    execute_from_command_line(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
