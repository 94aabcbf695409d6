"""`manage.py up`: the whole platform in one terminal, until Ctrl-C."""

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from embedded.data_folder import FolderInUse, data_folder, exclusive
from embedded.ports import PortTaken
from embedded.processes import StartFailed
from embedded.stack import CommandFailed, Ports, Stack

GRPC_PORT = 8110
_SERVERS_ARE_CHATTY = ("postgres", "valkey")
_FAILURES = (FolderInUse, PortTaken, StartFailed, CommandFailed, ValueError, RuntimeError)


def up(arguments: list[str]) -> int:
    """Start everything, print where it is, stay until a signal, stop everything. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="manage.py up", description="Run the whole platform on this machine.")
    parser.parse_args(arguments)
    return run_stack(lambda stack: None, stay=True)


def run_stack(story: Callable[[Stack], None], *, stay: bool) -> int:
    """Run `story` on a started platform; stay until a signal when asked. Failures are one clear message."""
    is_running = False
    try:
        with _signals_as_interrupt(), exclusive(data_folder()), _running() as stack:
            _print_addresses(stack)
            story(stack)
            is_running = True
            if stay:
                say("running; Ctrl-C stops everything")
                threading.Event().wait()
    except KeyboardInterrupt:
        return 0 if is_running else 130  # asked to stop: fine; asked to stop while starting: not done
    except _FAILURES as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def say(line: str) -> None:
    """One line of progress with the time of day."""
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def ports_from_environment() -> Ports:
    """WEB_PORT, SERVE_PORT, SERVE_GRPC_PORT and STRIPE_DOUBLE_PORT, or their defaults."""
    chosen = {"grpc": GRPC_PORT}
    variables = (
        ("web", "WEB_PORT"),
        ("serve", "SERVE_PORT"),
        ("grpc", "SERVE_GRPC_PORT"),
        ("stripe", "STRIPE_DOUBLE_PORT"),
    )
    for name, variable in variables:
        text = os.environ.get(variable, "").strip()
        if text and not (text.isdigit() and 0 < int(text) < 65536):
            raise ValueError(f"{variable}={text!r}: expected a port, 1 to 65535")
        if text:
            chosen[name] = int(text)
    return Ports(**chosen)


@contextlib.contextmanager
def _running() -> Iterator[Stack]:
    started = time.monotonic()
    stack = Stack(data_folder(), ports_from_environment(), say=say, echo=_show)
    try:
        stack.start()
        say(f"everything is healthy after {time.monotonic() - started:.0f} s")
        yield stack
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the clean end
        say("stopping")
        stack.close()
        say("stopped")


@contextlib.contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {name: signal.signal(name, interrupt) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _print_addresses(stack: Stack) -> None:
    print(
        f"\n  pages       {stack.web_url}/"
        f"\n  REST API    {stack.web_url}/api/v1/ (description: /api/docs)"
        f"\n  console     {stack.web_url}/console/"
        f"\n  data plane  {stack.serve_url}/v1/predict/<endpoint>, gRPC on port {stack.ports.grpc}"
        f"\n  data        {stack.folder}"
        f"\n  logs        {stack.supervisor.logs}\n",
        flush=True,
    )


def _show(name: str, line: str) -> None:
    is_quiet = name in _SERVERS_ARE_CHATTY and not any(word in line for word in ("PANIC", "starting it again"))
    if not is_quiet and line.strip():
        print(f"{name:>9} | {line[:400]}", flush=True)
