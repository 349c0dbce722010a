"""What the pytest plugin costs: a 10 ms test repeated by the marker over plain executions, and
pytest's start with it.

python benchmarks/repeating.py [--rounds 20] [--out reports/overhead/repeating.md]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from figures import publish
from torch import nn

from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.experiment.repeat import RepeatOptions, repeat
from reproaudit.pytest_plugin.recording import repetitions_from_here
from reproaudit.runs.budget import Budget
from reproaudit.runs.in_process import InProcessLab

RUNS = 3
TEST = "def test_nothing():\n    pass\n"
HERE = Path(__file__)
SPEC = SubjectSpec(SubjectKind.ATTRIBUTE, HERE.parent, path=HERE.name, attribute="step")


def step_of(milliseconds: float) -> Callable[[], torch.Tensor]:
    """Return a training step that takes about so long here: layers are added until it does."""
    for layers in (4, 6, 8, 12, 16, 24, 32, 64, 96, 128, 192, 256, 512):
        model = nn.Sequential(*[nn.Linear(256, 256) for _ in range(layers)])
        batch = torch.randn(128, 256, generator=torch.Generator().manual_seed(0))

        def step(model: nn.Module = model, batch: torch.Tensor = batch) -> torch.Tensor:
            model.zero_grad()
            loss: torch.Tensor = model(batch).square().mean()
            loss.backward()
            return loss.detach()

        if statistics.median(seconds(step) for _ in range(9)) >= milliseconds / 1000:
            return step
    raise SystemExit("this machine is too fast for the benchmark's largest model")


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def repeat_step(step: Callable[[], torch.Tensor]) -> None:
    def lab(folder: Path) -> InProcessLab:
        return InProcessLab(
            lambda current: current.record_return(step()),
            SPEC,
            folder,
            record=repetitions_from_here(seed=0),
            budget=Budget(),
        )

    result = repeat(RepeatOptions("step", SPEC, RUNS), lab, "inprocess")
    if result.verdict.value != "reproducible":
        raise SystemExit(f"the benchmark's own step is {result.headline}")


def call_plainly(step: Callable[[], torch.Tensor]) -> None:
    for _ in range(RUNS):
        step()


def start_up(folder: Path, *options: str) -> float:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *options,
        "test_nothing.py",
    ]
    return seconds(lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True))


def ratio(pairs: list[tuple[float, float]]) -> str:
    ratios = sorted(one / other for one, other in pairs)
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for milliseconds in (10, 100):
        step = step_of(milliseconds)
        repeat_step(step)
        pairs = [
            (seconds(partial(repeat_step, step)), seconds(partial(call_plainly, step)))
            for _ in range(options.rounds)
        ]
        took = statistics.median(other for _, other in pairs) / RUNS * 1000
        what = f"`reproducible`, {RUNS} repetitions of {took:.0f} ms, over {RUNS} plain calls"
        rows.append(f"| {what} | {ratio(pairs)} |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_nothing.py").write_text(TEST)
        (folder / "pytest.ini").write_text("[pytest]\n")
        starts = [
            (start_up(folder), start_up(folder, "-p", "no:reproaudit"))
            for _ in range(options.rounds)
        ]
    rows.append(f"| pytest with the plugin unused, over pytest without it | {ratio(starts)} |")
    head = [
        f"Medians of {options.rounds} pairs, least and greatest in brackets.",
        "",
        "| what | ratio |",
        "|---|---|",
    ]
    publish([*head, *rows], options.out)


if __name__ == "__main__":
    main()
