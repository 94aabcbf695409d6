"""Loads one address with one request over keep-alive connections: with `wrk` where it is installed, else in Python."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.serving.asks import Ask
from benchmarks.serving.generate import Told

WRK = shutil.which("wrk")
GENERATOR = "wrk" if WRK else "the Python generator of this repository"
_LUA = """
local ready, turn = {}, 0

function init(arguments)
  local places = assert(loadfile("FOLDER/places.lua"))()
  local file = io.open("FOLDER/requests", "rb")
  for _, length in ipairs(places) do
    ready[#ready + 1] = file:read(length)
  end
  file:close()
end

function request()
  turn = turn % #ready + 1
  return ready[turn]
end

function done(summary, latency, requests)
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    '\\nTOLD {"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.status + broken))
end
"""


def load(port: int, ask: Ask | list[Ask], connections: int, seconds: float) -> Told:
    """One request again and again, or several in turn."""
    requests = [one.raw() for one in (ask if isinstance(ask, list) else [ask])]
    return (
        _with_wrk(port, requests, connections, seconds) if WRK else _with_python(port, requests, connections, seconds)
    )


def _with_wrk(port: int, requests: list[bytes], connections: int, seconds: float) -> Told:
    with tempfile.TemporaryDirectory(prefix="bench-load-") as folder:
        Path(folder, "requests").write_bytes(b"".join(requests))
        lengths = ",".join(str(len(one)) for one in requests)
        Path(folder, "places.lua").write_text(f"return {{{lengths}}}")
        script = Path(folder, "ask.lua")
        script.write_text(_LUA.replace("FOLDER", folder))
        command = [str(WRK), "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", "--timeout", "10s"]
        command += ["-s", str(script), f"http://127.0.0.1:{port}/"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Told(**json.loads(done.stdout.partition("TOLD ")[2]))


def _with_python(port: int, requests: list[bytes], connections: int, seconds: float) -> Told:
    command = [
        sys.executable,
        "-m",
        "benchmarks.serving.generate",
        "127.0.0.1",
        str(port),
        str(connections),
        str(seconds),
    ]
    lengths = json.dumps([len(one) for one in requests]).encode()
    done = subprocess.run(command, input=lengths + b"\n" + b"".join(requests), capture_output=True, check=True)
    return Told(**json.loads(done.stdout))
