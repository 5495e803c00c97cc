"""What the scripts that count share: workloads, the programs to measure, running them, the load.

A server is any command that takes `--tcp HOST:PORT`, prints `listening on tcp HOST:PORT` and then
`ready`, and ends with status 0 on SIGTERM.
"""

import argparse
import functools
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
STATIC = HERE / ".build-static"
C_PEER = "C"
NAMES = [C_PEER, "async", "handler"]
START_LIMIT_S = 120  # valgrind takes its time over a static Swift binary
STOP_LIMIT_S = 60
LOAD_LIMIT_S = 300
MICRO_LIMIT_S = 300

# What the load is asked to do on one connection, by workload.
REQUESTS = {
    "echo": {},
    "pipelined": {"depth": 16},
    "lines": {"depth": 16, "lines": True},
    "large": {"size": 64 * 1024},
    "churn": {"mode": "churn"},
}
# Programs that do something a number of times, without a socket; see Peers/Micro.
MICRO = ["timers", "tasks", "posts-1", "lifecycle"]
WORKLOADS = [*REQUESTS, *MICRO]


class Failed(Exception):
    """A server or the load did not do its part: the measurement is void."""


class Peer:
    def __init__(self, name, command):
        self.name, self.command = name, command


@functools.cache
def build(product):
    """The folder with a product of this package, linked statically; HEDDLE_BUILD names one instead.

    valgrind 3.19 crashes on dynamically linked async Swift."""
    if "HEDDLE_BUILD" in os.environ:
        return pathlib.Path(os.environ["HEDDLE_BUILD"]).resolve()
    command = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--product", product,
               "--package-path", HERE, "--scratch-path", STATIC]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return STATIC / "release"


def command(name, workload):
    """The command of C, async or handler for a workload; None where there is none."""
    if name == C_PEER:
        if workload == "tasks":
            return None
        if workload in MICRO:
            return [str(PEERS / "micro_uv"), workload]
        return [str(PEERS / ("lines_uv" if workload == "lines" else "echo_uv"))]
    if workload in MICRO:
        return [str(build("micro") / "micro"), "heddle", workload] if name == "async" else None
    # It depends on the product heddle, which is built with it.
    folder = build("heddle-peer")
    if workload == "lines":
        return [str(folder / "heddle-peer"), "lines", name]
    echo = [str(folder / "heddle"), "echo", "--threads", "1"]
    return echo + ["--handler"] if name == "handler" else echo


def arguments(description):
    """A parser with the arguments that every script takes."""
    # The scripts' doc comments are their help: keep the lines as they are written.
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "servers", nargs="*", metavar="SERVER",
        help="`[NAME=]COMMAND`, or `C`, `async`, `handler`; default: these three, for the workload")
    parser.add_argument("--workload", choices=WORKLOADS, default="echo",
                        help="on one connection: 64-byte echo, 16 in flight, lines, 64 KiB, "
                             "connect-echo-close; without a socket: timers, tasks, posts, lifecycle")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def peers(options):
    """The peers to measure. Builds what is needed first."""
    for folder in ["Load", "Peers/C"]:
        subprocess.run(["make", "-s", "-C", HERE / folder], check=True, stdout=sys.stderr)
    found = []
    for text in options.servers or NAMES:
        name, words = re.fullmatch(r"(?:([\w .-]+)=)?(.+)", text).groups()
        known = command(words, options.workload) if words in NAMES else shlex.split(words)
        if known is not None:
            found.append(Peer(name or text, known))
    return found


def perform(peer, workload, count, wrapper=(), environment=None):
    """Has a peer do something `count` times, to the end of its process. Returns its standard error."""
    if workload in MICRO:
        words = [*wrapper, *peer.command, str(count)]
        result = subprocess.run(words, env={**os.environ, **(environment or {})}, text=True,
                                capture_output=True, timeout=MICRO_LIMIT_S)
        if result.returncode != 0:
            raise Failed(f"{shlex.join(map(str, words))}: status {result.returncode}: {result.stderr}")
        return result.stderr
    with Server(peer, wrapper=wrapper, environment=environment) as server:
        load(server, requests=count, connections=1, **REQUESTS[workload])
        server.stop()
        return server.read(server.errors)


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
    """Runs the load to its end; returns its report. `depth=16` becomes `--depth 16`, `lines=True` `--lines`."""
    pin = ["taskset", "-c", str(core)] if core is not None else []
    command = [*pin, LOAD, "--json", "--tcp", server.address]
    for name, value in options.items():
        command += [f"--{name}"] if value is True else [f"--{name}", str(value)]
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
