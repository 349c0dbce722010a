"""Locks made by hand, for tests that run no program."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.config.settings import Settings
from reproaudit.lock.model import (
    AFTER_ALL_STEPS,
    OUTSIDE,
    VARIES,
    Entry,
    Lock,
    LockedOp,
    LockedRun,
    LockedTensor,
)

HERE = (("device", "cpu"), ("python", "3.11"), ("cpu capability", "AVX2"), ("threads", "2"))
THERE = (("device", "cuda"), ("python", "3.11"), ("gpu", "A: B  C"))


def _digest(text: str, digits: int) -> str:
    return text if text in (OUTSIDE, VARIES) else text.rjust(digits, "0")


def op(name: str, inputs: str = "1", outputs: str = "2", **changes: object) -> LockedOp:
    """Return an op of the forward pass of step 0; digests are given as their last digits."""
    made = LockedOp(
        "",
        0,
        "forward",
        f"aten::{name}",
        "train.py",
        7,
        "net.0",
        _digest(inputs, 8),
        _digest(outputs, 8),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def tensor(name: str, digest: str = "a", kind: str = "gradient", **changes: object) -> LockedTensor:
    made = LockedTensor("", 0, kind, name, "float32[8,3]", _digest(digest, 16))
    return replace(made, **changes)  # type: ignore[arg-type]


OPERATORS = (
    op("lift_fresh", OUTSIDE, "b0", phase="data", module=""),
    op("uniform_.default", "0", "b1", generator="0000cafe", text="0000beef"),
    op("addmm.default", "b0", "b2"),
    op("relu.default", "b2", "b3"),
    op("sum.default", "b3", "b4", path="", line=0),
    op("mul.Tensor", VARIES, VARIES, phase="backward"),
    op("add_.Tensor", "b5", "b6", phase="optimizer", step=1, module="", path="lib/opt im.py"),
    op("mm.default", "b7", "b8", process="child-1"),
)
TENSORS = (
    tensor("batch[0]", VARIES, "batch"),
    tensor("net.input", "1", "intermediate"),
    tensor("loss", "2", "loss", value="0.125"),
    tensor("net.weight", "3"),
    tensor("net.weight", "4"),
    tensor("net.weight", "5", "parameter", step=1),
    tensor("w", "6", "final", step=AFTER_ALL_STEPS),
    tensor("ünï cöde%-\n", "6", "parameter", process="child-1"),
    tensor("best.pt: w", "6", "saved", process="child-1", step=AFTER_ALL_STEPS),
)
RUN = LockedRun(
    HERE,
    (("lib/opt im.py", "f" * 16), ("train.py", "0123456789abcdef")),
    (("threads", "4 -> 2"),),
    TENSORS,
    OPERATORS,
    operators_total=10,
)
ENTRY = Entry(
    "train.py",
    ("--name", "a b", "-", ""),
    (),
    Settings(seed=3, env=(("A", "1 %"),), interventions=("hash.seed",)),
    2,
    (
        RUN,
        replace(
            RUN, environment=THERE, operators=(), operators_total=0, changes=(), other_threads=True
        ),
    ),
)
LOCK = Lock((Entry("layer.py::Net", inputs=("float32[8,3]",), steps=None, runs=(RUN,)), ENTRY))


def run_with(
    *operators: LockedOp, tensors: tuple[LockedTensor, ...] = TENSORS, **changes: object
) -> LockedRun:
    """Return a run of these operators that the lock holds all of."""
    made = replace(RUN, operators=operators, operators_total=len(operators), tensors=tensors)
    return replace(made, **changes)  # type: ignore[arg-type]
