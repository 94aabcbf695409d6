"""manage.py with Django behind it: forks for every command it is told of, so that none waits for Django's start."""

import json
import os
import sys
import tempfile

import django
from django.core.management import execute_from_command_line
from django.urls import get_resolver


def serve() -> None:
    """Answer each line, a list of arguments, with [exit code, what it printed, what it complained about]."""
    django.setup()
    assert get_resolver().url_patterns  # loads what the checks of every command look at
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            pid = os.fork()
            if pid == 0:
                for file, standard in ((out, 1), (errors, 2)):
                    os.dup2(file.fileno(), standard)
                _obey(json.loads(line))
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            print(json.dumps([code, *(_content(file) for file in (out, errors))]), flush=True)


def _obey(arguments: list[str]) -> None:
    code: object = 0
    try:
        execute_from_command_line(["manage.py", *arguments])
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _content(file: "tempfile._TemporaryFileWrapper[str]") -> str:
    file.seek(0)
    return file.read()


if __name__ == "__main__":
    serve()
