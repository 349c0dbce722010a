"""What recording costs: a training step plain, under each level, and under PyTorch's DebugMode, in turn in one process.

    python benchmarks/recording.py [--device cuda] [--rounds 7] [--out reports/overhead/recording.md]

Every figure is the median over rounds of the ratio to the plain step of the same round.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch.utils._debug_mode import DebugMode
from torch.utils._python_dispatch import TorchDispatchMode

sys.path.insert(0, str(Path(__file__).parent))
from figures import publish
from programs import STEPS

from reproaudit.model import Level, Outcome, OutcomeKind
from reproaudit.plan import RunPlan, SubjectKind, SubjectSpec
from reproaudit.record.install import Installation
from reproaudit.trace.schema import EVENTS_FILE

Watcher = Callable[[Path], contextlib.AbstractContextManager[None]]
_traces: dict[str, list[tuple[int, int]]] = {}  # bytes and events per trace, by kind of watcher


class EmptyMode(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        return func(*args, **(kwargs or {}))


def recorder(level: Level) -> Watcher:
    @contextlib.contextmanager
    def watch(folder: Path) -> Iterator[None]:
        subject = SubjectSpec(SubjectKind.SCRIPT, Path.cwd(), path=os.path.relpath(__file__))
        directory = Path(tempfile.mkdtemp(dir=folder))
        installation = Installation(RunPlan(trace_dir=directory, subject=subject, level=level), str(directory / "t"))
        try:
            yield
        finally:
            installation.recorder.active = False
            installation.remove()
            installation.recorder.finish(Outcome(OutcomeKind.COMPLETED, 0))
            size = (directory / "t" / EVENTS_FILE).stat().st_size
            whole = sum(path.stat().st_size for path in (directory / "t").iterdir())
            _traces.setdefault(level.value, []).append((whole, size // 64))

    return watch


@contextlib.contextmanager
def plain(folder: Path) -> Iterator[None]:
    yield


@contextlib.contextmanager
def empty(folder: Path) -> Iterator[None]:
    with EmptyMode():
        yield


def debug_mode(hash_fn: str, inputs: bool) -> Watcher:
    @contextlib.contextmanager
    def watch(folder: Path) -> Iterator[None]:
        with DebugMode(), DebugMode.log_tensor_hashes(hash_fn=hash_fn, hash_inputs=inputs):
            yield

    return watch


WATCHERS: dict[str, Watcher] = {
    "plain": plain,
    "boundary level": recorder(Level.BOUNDARY),
    "empty dispatch mode": empty,
    "operation level": recorder(Level.OPERATION),
    "DebugMode, XOR of outputs": debug_mode("hash_tensor", False),
    "DebugMode, norm of inputs and outputs": debug_mode("norm", True),
}


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measure(step: Callable[[], None], steps: int, rounds: int, folder: Path) -> dict[str, list[float]]:
    """Return seconds per step, by watcher, one figure per round; the watchers take turns within a round."""
    for _ in range(2):
        step()
    seconds: dict[str, list[float]] = {name: [] for name in WATCHERS}
    for _ in range(rounds):
        for name, watch in WATCHERS.items():
            with watch(folder):
                step()  # the first step under a watcher fills caches
                _wait()
                start = time.perf_counter()
                for _ in range(steps):
                    step()
                _wait()
                seconds[name].append((time.perf_counter() - start) / steps)
    return seconds


def growth(step: Callable[[], None], folder: Path) -> list[tuple[int, int]]:
    """Return (steps, MiB of peak memory) while one recorder goes on: flat if nothing accumulates."""
    points = []
    with recorder(Level.OPERATION)(folder):
        for total in (10, 50, 100, 200):
            while (done := points[-1][0] if points else 0) < total:
                for _ in range(total - done):
                    step()
                points.append((total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=3, help="steps per turn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=STEPS, action="append")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    where = torch.cuda.get_device_name() if options.device == "cuda" else f"CPU, {options.threads} thread(s)"
    lines = [f"torch {torch.__version__}, {where}, median of {options.rounds} rounds", ""]
    lines += ["| step | " + " | ".join(WATCHERS) + " |", "|---" * (len(WATCHERS) + 1) + "|"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        extra = []
        for name in options.only or STEPS:
            seconds = measure(STEPS[name](options.device), options.steps, options.rounds, folder)
            ratios = [
                statistics.median(mine / base for mine, base in zip(seconds[watcher], seconds["plain"], strict=True))
                for watcher in WATCHERS
            ]
            lines.append(f"| {name} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
            if "tiny" in name:
                ops = _traces["operation"][-1][1] / (options.steps + 1)
                added = statistics.median(
                    (mine - base) / ops * 1e6
                    for mine, base in zip(seconds["operation level"], seconds["plain"], strict=True)
                )
                extra.append(f"Added per small op at operation level: {added:.1f} µs ({ops:.0f} ops a step).")
        extra.append("Trace size per event at operation level, tables included: {:.1f} bytes.".format(
            statistics.median(size / events for size, events in _traces["operation"])))  # fmt: skip
        points = growth(STEPS["2000 tiny ops"](options.device), folder)
        extra.append("Peak memory of one recording, MiB by steps: " + ", ".join(f"{s}: {m}" for s, m in points) + ".")
    publish([*lines, "", *extra], options.out)


if __name__ == "__main__":
    main()
