"""Whether recording changes what a program computes, and whether it hides the differences that it
is there to find.

python benchmarks/fidelity.py [--device cuda] [--seconds 30] [--repetitions 40] [--out
reports/overhead/fidelity.md]

Operators whose two plain runs are equal are run once more, recorded at operation level: outputs and
gradients must be equal to the last bit. Then operators that add in an order of chance are repeated
with and without recording: how often does a repetition differ from the first plain one? Exit code 1
if recording changed a result.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from figures import publish
from op_calls import OpCall, calls, contents
from recording import EmptyMode, recorder
from torch.nn import functional as F

from reproaudit.model.confidence import find_interval
from reproaudit.model.events import Level

LEVEL = 0.95
OPS_AT_ONCE = 20  # under one recorder: installing it takes longer than most calls
BLOCKS = (
    4  # of repetitions without and with recording, in turn: what a machine does changes with time
)


@dataclass
class Sweep:
    """What a sweep over operators found."""

    ops: set[str] = field(default_factory=set)
    equal: int = 0  # calls, of those whose plain runs are equal
    unstable: set[str] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)  # ops of which a sample cannot be called here
    otherwise: set[str] = field(
        default_factory=set
    )  # ops for which torch takes another formula under any mode
    changed: set[str] = field(default_factory=set)
    is_complete: bool = True


def sweep(device: str, limit_s: float, folder: Path) -> tuple[str, Sweep]:
    """Run as many operators as fit into the time plainly, plainly again, and recorded."""
    source, by_op = calls(device)
    found, end = Sweep(), time.monotonic() + limit_s
    chunk: list[OpCall] = []
    for one in by_op:
        if time.monotonic() > end:
            found.is_complete = False
            break
        found.ops.update(call.name for call in one)
        chunk += one
        if len(chunk) >= OPS_AT_ONCE:
            _compare(chunk, folder, found)
            chunk = []
    if chunk:
        _compare(chunk, folder, found)
    return source, found


def _compare(chunk: list[OpCall], folder: Path, found: Sweep) -> None:
    first, second = ([contents(call()) for call in chunk] for _ in range(2))
    with recorder(Level.OPERATION)(folder):
        results = [call() for call in chunk]
    for call, one, other, recorded in zip(
        chunk, first, second, map(contents, results), strict=True
    ):
        if isinstance(one, str) and one == recorded:
            found.raised.add(call.name)
        elif one != other:
            found.unstable.add(call.name)
        elif one == recorded:
            found.equal += 1
        elif one != contents(call()):
            found.unstable.add(call.name)  # plainly it gives something else too, only more rarely
        elif recorded == _under_a_mode(call):
            found.otherwise.add(call.name)  # the verdict of an audit rests on runs without a mode
        else:
            found.changed.add(call.name)


def _under_a_mode(call: OpCall) -> Any:
    with EmptyMode():
        result = call()
    return contents(result)


def cases(device: str) -> dict[str, Callable[[], torch.Tensor]]:
    """Return calls that add many numbers into few places: in an order of chance, where the device
    does it so."""
    generator = torch.Generator().manual_seed(0)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(device)

    def places(count: int, below: int) -> torch.Tensor:
        return torch.randint(0, below, (count,), generator=generator).to(device)

    rows, wide, many = numbers(40_000, 16), numbers(100, 16), places(40_000, 100)
    image, grid = (
        numbers(4, 8, 48, 48),
        torch.rand((4, 96, 96, 2), generator=generator).to(device) * 2 - 1,
    )
    bags = torch.arange(0, 40_000, 100, device=device)

    def gradient(
        function: Callable[[torch.Tensor], torch.Tensor], of: torch.Tensor
    ) -> torch.Tensor:
        leaf = of.detach().clone().requires_grad_()
        out = function(leaf)
        weights = torch.arange(out.numel(), device=device, dtype=out.dtype).reshape(out.shape).sin()
        return torch.autograd.grad(out, leaf, weights)[0]

    def bag(table: torch.Tensor) -> torch.Tensor:
        return F.embedding_bag(many, table, bags, mode="max")

    def bilinear(x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, size=(200, 200), mode="bilinear")

    return {
        "index_add": lambda: wide.index_add(0, many, rows),
        "scatter_add": lambda: wide.scatter_add(0, many.unsqueeze(1).expand(-1, 16), rows),
        "embedding_bag (max), backward": lambda: gradient(bag, wide),
        "interpolate (bilinear), backward": lambda: gradient(bilinear, image),
        "grid_sample, backward": lambda: gradient(
            lambda x: F.grid_sample(x, grid, align_corners=False), image
        ),
        "indexing, backward": lambda: gradient(lambda x: x[many], wide),
    }


def repeated(
    call: Callable[[], torch.Tensor], repetitions: int, folder: Path
) -> dict[str, list[bytes]]:
    """Return what each repetition gave, plainly and recorded, in blocks that take turns."""
    found: dict[str, list[bytes]] = {"plain": [], "recorded": []}
    per_block = max(1, repetitions // BLOCKS)
    for _ in range(BLOCKS):
        found["plain"] += _digested([call() for _ in range(per_block)])
        with recorder(Level.OPERATION)(folder):
            results = [call() for _ in range(per_block)]
        found["recorded"] += _digested(results)
    return found


def _digested(results: list[torch.Tensor]) -> list[bytes]:
    return [one.cpu().contiguous().view(torch.uint8).numpy().tobytes() for one in results]


def rate_row(name: str, found: dict[str, list[bytes]]) -> str:
    cells, ends = [name], []
    for kind, others in (("plain", found["plain"][1:]), ("recorded", found["recorded"])):
        hits = sum(one != found["plain"][0] for one in others)
        low, high = find_interval(LEVEL, hits, len(others))
        ends.append((low, high))
        cells += [f"{hits} of {len(others)} ({low:.0%}–{high:.0%})", str(len(set(found[kind])))]
    apart = ends[1][1] < ends[0][0] or ends[0][1] < ends[1][0]
    return "| " + " | ".join([*cells, "the rates differ" if apart else ""]) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument(
        "--seconds",
        type=float,
        default=40.0,
        help="begin no further operator of the sweep after this",
    )
    parser.add_argument("--repetitions", type=int, default=40)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    where = (
        torch.cuda.get_device_name()
        if options.device == "cuda"
        else f"CPU, {torch.get_num_threads()} threads"
    )
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecated operators, which are called all the same
        source, found = sweep(options.device, options.seconds, Path(scratch))
        rates = [
            rate_row(name, repeated(call, options.repetitions, Path(scratch)))
            for name, call in cases(options.device).items()
        ]
    said = "all of them" if found.is_complete else "as many as the time allowed"
    lines = [f"torch {torch.__version__}, {where}.", "", "## Recording changes no result", ""]
    lines += [
        f"Of {source}: {said}, {len(found.ops)}. Outputs and gradients, recorded at operation "
        "level:",
        "",
    ]
    lines += ["| what | number | which |", "|---|---|---|"]
    lines += [f"| calls equal to the plain ones to the last bit | {found.equal} | |"]
    for what, names in (
        ("operators that recording changed", found.changed),
        ("operators that torch computes in another way under any dispatch mode", found.otherwise),
        ("operators whose plain calls differ already", found.unstable),
        ("operators of which a sample cannot be called here", found.raised),
    ):
        lines.append(f"| {what} | {len(names)} | {', '.join(sorted(names))} |")
    lines += ["", "## Recording hides little", ""]
    lines += [
        f"Repetitions that differ from the first plain one, with the {LEVEL:.0%} interval.",
        "",
    ]
    lines += [
        "| operator | plain | distinct | recorded | distinct | |",
        "|---|---|---|---|---|---|",
        *rates,
    ]
    publish(
        lines,
        options.out,
        {"calls changed by recording": len(found.changed), "calls equal": found.equal},
    )
    return 1 if found.changed else 0


if __name__ == "__main__":
    sys.exit(main())
