"""Repetitions within one process start alike and leave it as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import OutcomeKind
from reproaudit.record.process.repetition import convert_to_tensors, repetition
from reproaudit.record.state.process_state import ProcessState
from reproaudit.trace.reader import Trace

pytestmark = pytest.mark.seeded


def make_plan(folder: Path) -> RunPlan:
    return RunPlan(folder, SubjectSpec(SubjectKind.SCRIPT, folder, path="program.py"))


@pytest.mark.parametrize("seed", [None, 7])
def test_each_repetition_draws_the_same_numbers_and_moves_no_stream(
    tmp_path: Path, seed: int | None
) -> None:
    state = ProcessState.capture()
    before = torch.get_rng_state()
    drawn = []
    for number in range(2):
        with repetition(make_plan(tmp_path / str(number)), state, seed):
            drawn.append((torch.rand(1).item(), float(np.random.rand())))
    assert drawn[0] == drawn[1]
    assert torch.equal(torch.get_rng_state(), before)


def test_an_exception_ends_the_trace_with_its_name_and_goes_on(tmp_path: Path) -> None:
    state = ProcessState.capture()
    with (
        pytest.raises(ValueError, match="of the code"),
        repetition(make_plan(tmp_path / "trace"), state, None),
    ):
        raise ValueError("of the code")
    outcome = Trace.open(tmp_path / "trace").outcome
    assert (outcome.kind, outcome.detail) == (OutcomeKind.RAISED, "ValueError: of the code")


@pytest.mark.parametrize("fullgraph", [False, True])
def test_each_repetition_compiles_for_itself_and_finds_nothing_of_an_earlier_one(
    tmp_path: Path, fullgraph: bool
) -> None:
    state = ProcessState.capture()
    sizes: list[list[object]] = []

    def compile_nothing(module: Any, inputs: Any) -> Any:
        sizes[-1].append(tuple(inputs[-1].shape))
        return module.forward

    double: Any = torch.compile(
        lambda values: values * 2, backend=compile_nothing, fullgraph=fullgraph
    )
    for number in range(2):
        sizes.append([])
        with repetition(make_plan(tmp_path / str(number)), state, None):
            # The second size would be compiled for any, if only the first was seen before.
            for size in (3, 4):
                double(torch.ones(size))
    assert len(sizes[0]) == 2
    assert [str(size) for size in sizes[0]] == [str(size) for size in sizes[1]]


def test_what_is_returned_counts_as_a_step_and_is_compared(tmp_path: Path) -> None:
    state = ProcessState.capture()
    with repetition(make_plan(tmp_path / "trace"), state, None) as current:
        current.record_return({"accuracy": 0.5, "label": "cat"})
    trace = Trace.open(tmp_path / "trace")
    found = [event.name for event in trace.tensors()]
    assert len(found) == 2
    assert found[0].endswith(".accuracy")
    assert trace.header["steps"] == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (0.0, -0.0),
        ("a", "b"),
        (2**63, 2**63 + 1),
        (np.array([1, 2]), np.array([2, 1])),
    ],
)
def test_values_that_differ_become_tensors_that_differ(one: object, other: object) -> None:
    first, second = convert_to_tensors(one), convert_to_tensors(other)
    content = [(str(t.dtype), t.numpy().tobytes()) for t in (first, second)]
    assert content[0] != content[1]
