"""Naming the operator that differs, and the program of one line that shows it with torch alone."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from reproaudit.atlas.cells import Cell
from reproaudit.atlas.child.blame import find_culprit, write_reproducer
from reproaudit.atlas.child.dispatch import list_dispatched_ops
from reproaudit.atlas.child.opdb import Call
from reproaudit.atlas.worker import run_program
from reproaudit.record.operation.opinfo import describe_op

pytestmark = pytest.mark.seeded
ATEN = torch.ops.aten


def program_of(func: Any, *args: Any, threads: int = 2, **kwargs: Any) -> str:
    return write_reproducer(describe_op(func), args, kwargs, func=func, threads=threads)


def test_the_operator_that_differs_is_named_and_not_those_before_or_after_it() -> None:
    numbers = itertools.count()
    library = torch.library.Library("reproaudit_atlas", "FRAGMENT")
    try:
        library.define("shaky(Tensor x) -> Tensor")
        library.impl("shaky", lambda x: x + next(numbers), "CPU")
        call = Call(
            lambda x: torch.ops.reproaudit_atlas.shaky(x.sin()).cos(),
            (torch.rand(4), (), {}),
            lambda r: r,
            0,
        )
        found = find_culprit(Cell("cpu", "op", "float32", "sample", 2, "forward"), call)
    finally:
        library._destroy()
    assert found is not None
    assert (found.aten, found.differing, found.made) == ("reproaudit_atlas::shaky.default", 20, 20)


def test_no_operator_is_blamed_where_all_repeat() -> None:
    call = Call(
        lambda x: x.sin().cumsum(0), (torch.rand(4).requires_grad_(), (), {}), lambda r: r, 0
    )
    for phase in ("forward", "backward"):
        assert find_culprit(Cell("cpu", "op", "float32", "sample", 2, phase), call) is None


def test_the_operators_of_a_call_are_heard_of_once_each_time_they_are_dispatched() -> None:
    x = torch.rand(3)
    assert [str(op) for op in list_dispatched_ops(lambda: x.sin().sin().cos())] == [
        "aten.sin.default",
        "aten.sin.default",
        "aten.cos.default",
    ]


def arguments() -> Iterator[tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    index = torch.tensor([0, 2, 2, 1])
    yield ATEN.index_put_.default, (torch.rand(4, 3), [index], torch.rand(4, 3), True), {}
    yield ATEN.index_put.default, (torch.rand(4, 4), [None, index], torch.rand(4, 4), True), {}
    yield ATEN.mm.default, (torch.rand(3, 4).T, torch.rand(3, 5)), {}
    yield ATEN.mul.Tensor, (torch.rand(4, 1).expand(4, 3), torch.rand(3)), {}
    yield ATEN.add.Tensor, (torch.rand(3, dtype=torch.complex64), torch.rand(3)), {"alpha": 2}
    yield ATEN.sum.dim_IntList, (torch.rand(3, 4).bfloat16(), [1], True), {"dtype": torch.float32}
    yield (
        ATEN.masked_fill.Scalar,
        (torch.rand(3), torch.tensor([True, False, True]), float("-inf")),
        {},
    )
    yield ATEN.add.out, (torch.rand(3), torch.rand(3)), {"out": torch.empty(3)}
    yield ATEN.topk.default, (torch.rand(7), 3), {}
    yield (
        ATEN.scalar_tensor.default,
        (1.5,),
        {"device": torch.device("cpu"), "layout": torch.strided},
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", range(10))
def test_the_program_runs_alone_and_finds_a_stable_operator_stable(number: int) -> None:
    func, args, kwargs = list(arguments())[number]
    program = program_of(func, *args, **kwargs)
    assert "\n" not in program
    assert shlex.split(shlex.quote(program)) == [program]
    assert run_program(program) == (0, 50)


def test_the_program_draws_indices_within_their_own_range() -> None:
    program = program_of(
        ATEN.index_put_.default, torch.rand(9), [torch.tensor([4, 7, 4])], torch.rand(3), True
    )
    assert "t1=torch.randint(4, 8, (3,), dtype=torch.int64)" in program
    assert "t0.clone()" in program


def test_what_cannot_be_written_down_gives_no_program() -> None:
    assert program_of(ATEN.rand.generator, [3], generator=torch.Generator()) == ""


@pytest.mark.slow
def test_the_program_shows_a_race_of_unordered_additions() -> None:
    index = torch.randint(0, 50, (400_000,))
    program = program_of(
        ATEN.index_put.default, torch.zeros(50), [index], torch.rand(400_000), True, threads=8
    )
    counted = run_program(program)
    assert counted is not None
    assert counted[0] > 0
