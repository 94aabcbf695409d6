"""The entry point of `modelyard`: reads the arguments, runs the verb, turns errors into exit codes.

0 done · 1 a run, batch or file ended without success · 2 wrong arguments · 3 refused by the platform (4xx) ·
4 no valid key · 5 no answer, or the platform's own fault · 130 interrupted
"""

import argparse
import os
import sys
from collections.abc import Sequence

from modelyard_client import errors
from modelyard_client.commands import (
    deploy,
    endpoints,
    explain,
    keys,
    login,
    logs,
    predict,
    runs,
    train,
    upload,
    usage,
    whoami,
)
from modelyard_client.commands.screen import Screen

_VERBS = {
    "login": login,
    "whoami": whoami,
    "upload": upload,
    "train": train,
    "runs": runs,
    "logs": logs,
    "deploy": deploy,
    "predict": predict,
    "explain": explain,
    "endpoints": endpoints,
    "usage": usage,
    "keys": keys,
}
DONE, FAILED, REFUSED, NO_KEY, NO_ANSWER, INTERRUPTED = 0, 1, 3, 4, 5, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code."""
    asked = parser().parse_args(arguments)
    screen = Screen(as_json=asked.json)
    try:
        asked.run(asked, screen)
        sys.stdout.flush()
    except errors.ModelyardError as error:
        screen.error(error)
        return exit_code(error)
    except BrokenPipeError:  # the reader (`head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        screen.error(errors.ModelyardError("client:file", str(error), fix="Check the path."))
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print one JSON document instead of tables and progress")
    shared.add_argument("--url", help="address of the platform (MODELYARD_URL)")
    shared.add_argument("--data-url", help="address of the data plane (MODELYARD_DATA_URL); usually found by itself")
    shared.add_argument(
        "--api-key", help="better: `modelyard login` or MODELYARD_API_KEY; arguments are seen by others"
    )
    made = argparse.ArgumentParser(prog="modelyard", description="Upload, train, deploy, predict.")
    verbs = made.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, module in _VERBS.items():
        words = (module.__doc__ or "").split("\n")[0]
        verb = verbs.add_parser(name, parents=[shared], help=words, description=words)
        module.add(verb)
        verb.set_defaults(run=module.run)
    return made


def exit_code(error: errors.ModelyardError) -> int:
    """What the shell is told."""
    if isinstance(error, errors.Refused | errors.WaitedTooLong):
        return FAILED
    if isinstance(error, errors.NotAuthenticated) or error.code == "client:no-key":
        return NO_KEY
    if isinstance(error, errors.ServerFailed | errors.NotReachable) or error.code == "client:unexpected-answer":
        return NO_ANSWER
    return REFUSED
