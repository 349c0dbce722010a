"""What recording costs: a training step plain, under each level, and under PyTorch's DebugMode, in
turn in one process.

python benchmarks/recording.py [--device cuda] [--seconds 40] [--only gpt-27M] [--out
reports/overhead/recording.md]

Every figure is the median over rounds of the ratio to the plain step of the same round, with the
least and greatest. Budgets: boundary level 1.05 and operation level 1.3 of gpt-27M, 10 µs added per
small op.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from figures import publish, ratios, spread
from programs import STEPS
from torch.utils._debug_mode import DebugMode
from torch.utils._python_dispatch import TorchDispatchMode

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import Level, Outcome, OutcomeKind
from reproaudit.record.process.install import Installation
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
        installation = Installation(
            RunPlan(trace_dir=directory, subject=subject, level=level), str(directory / "t")
        )
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


# Of these two rounds say enough: they are here for comparison, and one step under them takes as
# long as five.
FEW_ROUNDS = {name: 2 for name in WATCHERS if name.startswith("DebugMode")}
BUDGETS = {"boundary level": 1.05, "operation level": 1.3}  # the same on every device
LEAST_ROUNDS, MOST_ROUNDS = 3, 15
TURN_S = {"cpu": 0.2, "cuda": 0.05}  # a turn of shorter steps makes several of them


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _seconds(step: Callable[[], None], steps: int) -> float:
    _wait()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    _wait()
    return (time.perf_counter() - start) / steps


def measure(
    step: Callable[[], None], turn_s: float, limit_s: float, folder: Path
) -> dict[str, list[float]]:
    """Return seconds per step, by watcher, one figure per round; the watchers take turns within a
    round."""
    step()
    steps = max(1, min(10, int(turn_s / _seconds(step, 1))))
    seconds: dict[str, list[float]] = {name: [] for name in WATCHERS}
    end = time.monotonic() + limit_s
    for round_ in range(MOST_ROUNDS):
        if round_ >= LEAST_ROUNDS and time.monotonic() > end:
            break
        for name, watch in WATCHERS.items():
            if round_ < FEW_ROUNDS.get(name, MOST_ROUNDS):
                with watch(folder):
                    step()  # the first step under a watcher fills caches
                    seconds[name].append(_seconds(step, steps))
    return seconds


def added_per_op(
    step: Callable[[], None], seconds: dict[str, list[float]], folder: Path
) -> tuple[list[float], int]:
    """Return the microseconds that one op costs more at operation level, by round, and the ops of a
    step."""
    with recorder(Level.OPERATION)(folder):
        step()
    ops = _traces["operation"][-1][1]
    pairs = zip(seconds["operation level"], seconds["plain"], strict=True)
    return [(mine - base) / ops * 1e6 for mine, base in pairs], ops


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds", type=float, default=40.0, help="start no further round of a program after this"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=STEPS, action="append")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    where = (
        torch.cuda.get_device_name()
        if options.device == "cuda"
        else f"CPU, {options.threads} thread(s)"
    )
    lines = [f"torch {torch.__version__}, {where}; median over rounds (least–greatest)", ""]
    lines += [
        "| step | rounds | " + " | ".join(WATCHERS) + " |",
        "|---" * (len(WATCHERS) + 2) + "|",
    ]
    measured: dict[str, float] = {}
    extra = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in options.only or STEPS:
            step = STEPS[name](options.device)
            seconds = measure(step, TURN_S[options.device], options.seconds, folder)
            found = {watcher: ratios(mine, seconds["plain"]) for watcher, mine in seconds.items()}
            measured |= {f"{name}, {watcher}": one.median for watcher, one in found.items()}
            cells = [str(one) for watcher, one in found.items() if watcher != "plain"]
            lines.append(f"| {name} | {len(seconds['plain'])} | 1 | " + " | ".join(cells) + " |")
            if name == "tiny-ops":
                added, ops = added_per_op(step, seconds, folder)
                measured["added per small op, µs"] = statistics.median(added)
                extra.append(
                    f"Added per small op at operation level: {spread(added)} µs ({ops} ops a step)."
                )
    per_event = spread([size / events for size, events in _traces["operation"]])
    extra.append(f"Trace size per event at operation level, tables included: {per_event} bytes.")
    for level, bound in BUDGETS.items():
        value = measured.get(f"gpt-27M, {level}")
        if value is not None:
            extra.append(
                f"Budget of {level} for gpt-27M: {bound}; {'met' if value <= bound else 'not met'}."
            )
    publish([*lines, "", *extra], options.out, measured)


if __name__ == "__main__":
    main()
