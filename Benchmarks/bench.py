"""What the measuring scripts share: the servers to measure, starting and stopping them, the load.

A server is any command that takes `--tcp HOST:PORT`, prints `listening on tcp HOST:PORT` and then
`ready`, and ends with status 0 on SIGTERM.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE / ".build-peers"
LOAD = PEERS / "load"
C_PEER = "C"
START_LIMIT_S = 120  # valgrind takes its time over a static Swift binary
STOP_LIMIT_S = 60
LOAD_LIMIT_S = 300


class Failed(Exception):
    """A server or the load did not do its part: the measurement is void."""


class Peer:
    def __init__(self, name, command):
        self.name, self.command = name, command


def heddle_peers(binary):
    if not os.access(binary, os.X_OK):
        raise Failed(f"{binary}: no such binary; run `swift build -c release` or set HEDDLE")
    command = [str(binary), "echo", "--threads", "1"]
    return [Peer("async", command), Peer("handler", command + ["--handler"])]


def default_heddle():
    return os.environ.get("HEDDLE", HERE.parent / ".build/release/heddle")


def arguments(description):
    """A parser with the arguments that every script takes."""
    # The scripts' doc comments are their help: keep the lines as they are written.
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "servers", nargs="*", metavar="SERVER",
        help="`[NAME=]COMMAND`, or `C` for the C peer; default: C, and `heddle echo --threads 1` "
             "without (async) and with --handler (handler); HEDDLE names the binary")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def peers(servers, heddle=default_heddle):
    """The peers to measure. Builds the C programs first; `heddle` is called only if needed."""
    subprocess.run(["make", "-s", "-C", HERE / "peers"], check=True, stdout=sys.stderr)
    c_peer = Peer(C_PEER, [str(PEERS / "echo_uv")])
    if not servers:
        return [c_peer] + heddle_peers(heddle())
    found = []
    for text in servers:
        name, command = re.fullmatch(r"(?:([\w .-]+)=)?(.+)", text).groups()
        found.append(c_peer if text == C_PEER else Peer(name or text, shlex.split(command)))
    return found


class Server:
    """A running server, for a `with` block: ready on entry, stopped and checked on exit."""

    def __init__(self, peer, wrapper=(), core=None, environment=None):
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.command = [*pin, *wrapper, *peer.command, "--tcp", "127.0.0.1:0"]
        self.wrapped = bool(wrapper) and wrapper[0] == "strace"
        self.environment = {**os.environ, **(environment or {})}
        self.output, self.errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.stopped_cleanly = False

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, env=self.environment, stdin=subprocess.DEVNULL, start_new_session=True,
            stdout=self.output, stderr=self.errors)
        try:
            self.address = self.wait_until_ready()
            self.pid = self.find_pid()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.kill()
        elif not self.stopped_cleanly:
            self.stop()

    def wait_until_ready(self):
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            text = self.read(self.output)
            if re.search(r"^ready$", text, re.M):
                return re.search(r"^listening on tcp (\S+)$", text, re.M).group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise self.failure("did not become ready")

    def find_pid(self):
        """The server itself: strace runs it as a child; valgrind and taskset become it."""
        pid = self.process.pid
        if not self.wrapped:
            return pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0])

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        try:
            status = self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self.failure("did not stop on SIGTERM")
        if status != 0:
            raise self.failure(f"ended with status {status}")
        self.stopped_cleanly = True

    def kill(self):
        # The whole group: a server under strace would outlive a killed strace.
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def failure(self, what):
        text = self.read(self.errors).strip().splitlines()[-15:]
        return Failed("\n".join([f"{shlex.join(map(str, self.command))}: {what}", *text]))

    @staticmethod
    def read(file):
        return os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace")


def load(server, core=None, **options):
    """Runs the load to its end; returns its report. `depth=16` becomes `--depth 16`."""
    pin = ["taskset", "-c", str(core)] if core is not None else []
    command = [*pin, LOAD, "--json", "--tcp", server.address]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise Failed(f"the load took more than {LOAD_LIMIT_S} s")
    if result.returncode != 0:
        raise server.failure("the load failed: " + result.stderr.strip())
    return json.loads(result.stdout)


def tasks(pid, read):
    """The sum of `read(directory)` over the threads of a process."""
    return sum(read(thread) for thread in pathlib.Path(f"/proc/{pid}/task").iterdir())


def cpu_ns(pid):
    # Exact to the nanosecond, unlike the clock ticks in /proc/PID/stat.
    return tasks(pid, lambda thread: int((thread / "schedstat").read_text().split()[0]))


def raise_descriptor_limit():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main(body):
    """Runs a script; turns a failure into one clear message and status 1."""
    raise_descriptor_limit()
    try:
        body()
    except (Failed, subprocess.CalledProcessError) as error:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
