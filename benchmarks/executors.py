"""Runs on several machines, one of which dies: verdicts, what was lost, what is left.

python benchmarks/executors.py [--only ray] [--runs 20] [--out reports/executors/README.md]

Ray: a cluster of two raylets on this machine, the second of which is killed in the middle of an
audit. Submitit: its local cluster, a job of which is killed. Needs the extras ray and slurm, Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path

from figures import publish

CLEAN = """\
import time
import torch

torch.manual_seed(0)
model = torch.nn.Linear(8, 4)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for _ in range(5):
    optimizer.zero_grad()
    model(torch.randn(16, 8)).square().mean().backward()
    optimizer.step()
    time.sleep(0.2)
"""
PROGRAMS = {"clean": CLEAN, "planted": CLEAN.replace("torch.manual_seed(0)\n", "")}
EXPECTED = {"clean": 0, "planted": 1}
# In the environment of all that is started here, so that what is left of it is known.
MARK = "EXECUTORS_BENCHMARK"
SETTLE_S = 15.0  # for processes that end by themselves


@dataclass(frozen=True)
class Audit:
    """How an audit went, and how many processes were left of it."""

    engine: str
    program: str
    killed: str
    code: int
    seconds: float
    report: str
    left: int

    @property
    def is_right(self) -> bool:
        return self.code == EXPECTED[self.program] and not self.left


def list_marked(mark: str, more: str = "") -> list[int]:
    """Return the processes in whose environment the mark stands, and `more` in the command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_marked = f"{MARK}={mark}".encode() in (folder / "environ").read_bytes()
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if is_marked and more in words and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def wait_for_run_below(raylet: int, mark: str) -> None:
    """Wait until a run goes on that the raylet has started."""
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        for pid in list_marked(mark, more=".plan.json"):
            if raylet in list_ancestors(pid):
                return
        time.sleep(0.05)


def list_ancestors(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        while pid > 1:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            yield pid


def count_left(mark: str) -> int:
    """Return how many processes do not end by themselves."""
    deadline = time.monotonic() + SETTLE_S
    while (left := list_marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return len(left)


def audit(
    words: list[str], program: Path, environment: dict[str, str], kill: Callable[[], str], at: str
) -> tuple[int, float, str, str]:
    """Audit the program, and kill something once the line `at` was said; return what was killed."""
    command = [sys.executable, "-m", "reproaudit", "--no-diagnosis", "--no-alerts", *words]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, program.name],
        cwd=program.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.append(process.stdout.read()))
    reader.start()
    killed = ""
    for line in process.stderr:
        if at in line and not killed:
            killed = kill()
    reader.join()
    return process.wait(), time.perf_counter() - start, said[0], killed


@contextlib.contextmanager
def start_cluster(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start a Ray cluster of two nodes, in a process that ends it when its input ends."""
    cluster = subprocess.Popen(
        [sys.executable, __file__, "--hold-cluster"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield cluster
    finally:
        cluster.communicate()


def hold_cluster() -> None:
    """Print the address of a new cluster and the pid of its second raylet; end with the input."""
    from ray.cluster_utils import Cluster

    quiet = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=quiet)
    second = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    [raylet] = second.all_processes["raylet"]
    print(cluster.address, raylet.process.pid, flush=True)
    sys.stdin.read()
    cluster.shutdown()


def audit_on_ray(name: str, program: Path, runs: int, *, kills: bool) -> Audit:
    mark = secrets.token_hex(8)
    environment = os.environ | {
        MARK: mark,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    with start_cluster(environment) as cluster:
        assert cluster.stdout is not None
        address, pid = cluster.stdout.readline().split()

        def kill() -> str:
            if not kills:
                return "nothing"
            wait_for_run_below(int(pid), mark)
            os.kill(int(pid), signal.SIGKILL)
            return "the second raylet"

        words = ["--executor", "ray", "--ray", f"address={address}", "--runs", str(runs)]
        code, seconds, report, killed = audit(
            words, program, environment, kill, f"run {runs // 2} of"
        )
        of_runs = list_marked(mark, more="reproaudit")
    left = count_left(mark) + len(of_runs)
    return Audit("Ray, two raylets", name, killed, code, seconds, report, left)


def audit_on_submitit(name: str, program: Path, runs: int, *, kills: bool) -> Audit:
    mark = secrets.token_hex(8)
    environment = os.environ | {MARK: mark}

    def kill() -> str:
        if not kills:
            return "nothing"
        victim = list_marked(mark, more="submitit.core._submit")[0]
        os.kill(victim, signal.SIGKILL)
        return "a job"

    with tempfile.TemporaryDirectory() as out:
        words = ["--executor", "slurm", "--slurm", "cluster=local", "--jobs", "2"]
        words += ["--out", out, "--runs", str(runs)]
        code, seconds, report, killed = audit(
            words, program, environment, kill, f"run {runs // 2} of"
        )
    left = count_left(mark)
    return Audit("submitit, local", name, killed, code, seconds, report, left)


ENGINES = {"ray": audit_on_ray, "submitit": audit_on_submitit}


def describe(audits: list[Audit], runs: int) -> Iterator[str]:
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("ray", "submitit", "torch")
    )
    yield "# Runs on several machines, one of which dies"
    yield ""
    yield f"`python benchmarks/executors.py`, {date.today()}: {versions}; {os.cpu_count()} cores."
    yield f"Each audit makes {runs} runs. Processes left: of the runs when the audit has ended, and"
    yield "of the cluster when it has."
    yield ""
    yield "| engine | program | killed in the middle | exit code | right | s | processes left |"
    yield "|---|---|---|---|---|---|---|"
    for one in audits:
        cells = [one.engine, one.program, one.killed, str(one.code)]
        cells += ["yes" if one.is_right else "**no**", f"{one.seconds:.0f}", str(one.left)]
        yield f"| {' | '.join(cells)} |"
    for one in audits:
        yield ""
        yield f"## {one.engine}, {one.program}, {one.killed} killed"
        yield ""
        yield "```text"
        yield from one.report.rstrip().splitlines()
        yield "```"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=ENGINES)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--hold-cluster", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold_cluster:
        hold_cluster()
        return 0
    audits = []
    with tempfile.TemporaryDirectory() as folder:
        for engine in [options.only] if options.only else ENGINES:
            for kills in (False, True):
                for name, text in PROGRAMS.items():
                    program = Path(folder) / name / "train.py"
                    program.parent.mkdir(exist_ok=True)
                    program.write_text(text)
                    audits.append(ENGINES[engine](name, program, options.runs, kills=kills))
                    # Each takes minutes: what is known so far is kept.
                    publish(describe(audits, options.runs), options.out)
    return 0 if all(one.is_right for one in audits) else 1


if __name__ == "__main__":
    sys.exit(main())
