"""What the experiment says of functions whose truth is known: it accuses those that differ, and no
others."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from reproaudit.atlas.cells import Cell, Declared, Status, UnderFlag
from reproaudit.atlas.child import surroundings as around
from reproaudit.atlas.child.experiment import Experiment, Observation
from reproaudit.atlas.child.opdb import Call
from reproaudit.atlas.child.repeatable import RepeatableCall

pytestmark = pytest.mark.seeded  # the generators are put into one state before each call


def look(
    function: Callable[..., Any],
    *operands: Any,
    phase: str = "forward",
    threads: int = 2,
    op: str = "op",
) -> Observation:
    first, *rest = operands or (torch.arange(6.0),)
    call = Call(function, (first, tuple(rest), {}), lambda result: result, 0)
    cell = Cell("cpu", op, "float32", "sample", threads, phase)
    return Experiment(cell, 6, around.Neighbour("cpu")).observe(call, 5.0)


def leaf() -> torch.Tensor:
    return torch.arange(6.0).requires_grad_()


@pytest.fixture
def varying() -> Iterator[float]:
    return (float(number % 3) for number in itertools.count())


def test_a_function_that_repeats_is_stable_with_one_thread_and_with_many() -> None:
    for threads in (1, 2):
        seen = look(lambda x: x.sin(), threads=threads)
        assert (seen.status, seen.declared) == (Status.STABLE, Declared.NOTHING)
    assert seen.tallies == {"plain": [0, 6], "contention": [0, 6]}


def test_a_function_that_differs_is_accused_with_how_far(varying: Iterator[float]) -> None:
    seen = look(lambda x: x + next(varying))
    assert (seen.status, seen.way, seen.under_flag) == (Status.DIFFERS, "plain", UnderFlag.DIFFERS)
    assert seen.difference is not None
    assert seen.difference["differing"] == 6


def test_a_number_that_differs_is_seen_as_well_as_a_tensor(varying: Iterator[float]) -> None:
    assert look(lambda x: (x, next(varying))).status is Status.DIFFERS


def test_what_is_drawn_from_a_seeded_generator_is_no_difference() -> None:
    assert look(lambda x: x + torch.rand(6)).status is Status.STABLE


def test_memory_that_nobody_wrote_is_no_nondeterminism() -> None:
    for elements in (2_000, 100_000):
        assert look(lambda x, n=elements: torch.empty(n)).status is Status.UNDEFINED


def test_an_undefined_gradient_is_told_from_a_defined_forward_pass() -> None:
    class Partly(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return torch.empty_like(grad)

    # Past the small blocks that glibc's thread caches hand out unfilled: only a worker is started
    # without these caches.
    large = torch.arange(2_000.0).requires_grad_()
    assert look(Partly.apply, large, phase="forward").status is Status.STABLE
    assert look(Partly.apply, large, phase="backward").status is Status.UNDEFINED


def test_only_the_backward_pass_is_accused_where_it_alone_differs(varying: Iterator[float]) -> None:
    class Shaky(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return grad + next(varying)

    assert look(Shaky.apply, leaf(), phase="forward").status is Status.STABLE
    assert look(Shaky.apply, leaf(), phase="backward").status is Status.DIFFERS


def test_a_backward_pass_is_not_blamed_for_a_forward_pass_that_differs(
    varying: Iterator[float],
) -> None:
    def shaky(x: torch.Tensor) -> torch.Tensor:
        return x * x + next(varying)

    assert look(shaky, leaf(), phase="forward").status is Status.DIFFERS
    assert look(shaky, leaf(), phase="backward").status is Status.STABLE


def test_what_a_forward_pass_saves_in_secret_is_seen_when_the_graph_is_built_anew(
    varying: Iterator[float],
) -> None:
    class Secretive(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.scale = next(varying)
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return grad * ctx.scale

    seen = look(Secretive.apply, leaf(), phase="backward")
    assert (seen.status, seen.way) == (Status.DIFFERS, "rebuilt")


def test_what_depends_on_where_the_operands_lie_is_set_apart() -> None:
    kept = []  # so that no copy is given the memory of the one before

    def by_address(x: torch.Tensor) -> torch.Tensor:
        kept.append(x)
        return torch.tensor([float(x.data_ptr() % (1 << 20))])

    assert look(by_address).status is Status.ADDRESS


def test_a_sign_of_nan_that_differs_is_set_apart(varying: Iterator[float]) -> None:
    def nan_of_either_sign(x: torch.Tensor) -> torch.Tensor:
        return torch.full((3,), math.nan).copysign(torch.tensor(next(varying) - 0.5))

    assert look(nan_of_either_sign).status is Status.NAN_BITS


@pytest.mark.parametrize(("op", "status"), [("argmax", Status.TIES), ("index_add", Status.DIFFERS)])
def test_indices_of_equal_values_are_ties_of_an_op_that_chooses_among_values(
    varying: Iterator[float], op: str, status: Status
) -> None:
    assert look(lambda x: torch.tensor(int(next(varying))), torch.zeros(4), op=op).status is status


def test_a_function_that_the_flag_repairs_is_told_from_one_that_it_makes_raise(
    varying: Iterator[float],
) -> None:
    def repaired(x: torch.Tensor) -> torch.Tensor:
        return x if torch.are_deterministic_algorithms_enabled() else x + next(varying)

    def refused(x: torch.Tensor) -> torch.Tensor:
        if torch.are_deterministic_algorithms_enabled():
            raise RuntimeError(
                "some_kernel does not have a deterministic implementation, but you set …"
            )
        return x + next(varying)

    assert look(repaired).under_flag is UnderFlag.STABLE
    seen = look(refused)
    assert (seen.under_flag, seen.declared, seen.alerts) == (
        UnderFlag.RAISES,
        Declared.RAISES,
        ["some_kernel"],
    )


def test_what_cublas_asks_for_is_a_declaration_of_its_own() -> None:
    def matmul(x: torch.Tensor) -> torch.Tensor:
        if torch.are_deterministic_algorithms_enabled():
            raise RuntimeError(
                "Deterministic behavior was enabled … set CUBLAS_WORKSPACE_CONFIG=:4096:8"
            )
        return x

    seen = look(matmul)
    assert (seen.status, seen.declared) == (Status.STABLE, Declared.WORKSPACE)


def test_a_function_that_raises_is_not_compared() -> None:
    seen = look(lambda x: x.reshape(5))
    assert seen.status is Status.RAISES
    assert seen.error.startswith("RuntimeError: shape")


def test_operands_that_a_call_overwrites_are_fresh_for_the_next_one() -> None:
    assert look(lambda x: x.add_(1.0)).status is Status.STABLE


def test_a_call_without_gradient_has_no_backward_pass() -> None:
    assert look(lambda x: x.sin(), phase="backward").status is Status.NO_GRADIENT


def test_the_process_is_left_with_the_threads_and_flags_that_it_had(
    varying: Iterator[float],
) -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    look(lambda x: x + next(varying), threads=3)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_the_backward_pass_is_given_one_cotangent_that_is_not_all_ones() -> None:
    repeatable = RepeatableCall(
        Cell("cpu", "op", "float32", "sample", 2, "backward"),
        Call(torch.sin, (leaf(), (), {}), lambda r: r, 0),
    )
    assert repeatable.prepare()
    (gradient,) = repeatable.run()
    cotangent = gradient / torch.arange(6.0).cos()
    assert len(cotangent.unique()) == 6
