"""What a later run makes of a lock: which difference is named first, and what changed. No program
is run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.config.settings import Settings
from reproaudit.lock.check import (
    CheckResult,
    State,
    choose_exit_code,
    compare_runs,
    not_comparable,
)
from reproaudit.lock.model import OUTSIDE, VARIES, Entry, LockedRun
from reproaudit.lock.where import WhereKind
from tests.lock.locks import HERE, THERE, op, run_with, tensor

BEFORE = (op("addmm", "1", "2"), op("relu", "2", "3"), op("sum", "3", "4"), op("mul", "4", "5"))
LOCKED = run_with(*BEFORE, tensors=(tensor("w", "1"), tensor("x", "9", "batch")))
OTHER = (tensor("w", "2"), tensor("x", "9", "batch"))
ENTRY = Entry("train.py", settings=Settings(threads=2), runs=(LOCKED,))


def checked(
    now: LockedRun, locked: LockedRun = LOCKED, settings: Settings = ENTRY.settings
) -> CheckResult:
    return compare_runs(replace(ENTRY, runs=(locked,)), locked, now, settings)


def first(now: LockedRun, locked: LockedRun = LOCKED) -> tuple[WhereKind, list[str], list[str]]:
    """Return what kind the first difference is, and the ops of either side that it names."""
    where = checked(now, locked).where
    assert where is not None
    return where.kind, [op.op[6:] for op in where.locked], [op.op[6:] for op in where.now]


def test_the_same_run_is_equal_and_says_nothing_more() -> None:
    result = checked(LOCKED)
    assert (result.state, result.where, result.tensors, result.changes.is_any) == (
        State.EQUAL,
        None,
        (),
        False,
    )


def test_the_op_that_makes_another_result_of_equal_inputs_is_named_not_those_that_carry_it_on() -> (
    None
):
    now = run_with(
        BEFORE[0],
        op("relu", "2", "33"),
        op("sum", "33", "44"),
        op("mul", "44", "55"),
        tensors=OTHER,
    )
    assert first(now) == (WhereKind.RESULT, ["relu"], ["relu"])


def test_an_op_in_place_of_another_is_named_with_both() -> None:
    now = run_with(
        BEFORE[0],
        op("gelu", "2", "33"),
        op("sum", "33", "44"),
        op("mul", "44", "55"),
        tensors=OTHER,
    )
    assert first(now) == (WhereKind.OPERATORS, ["relu"], ["gelu"])


def test_an_op_with_another_argument_is_told_from_one_with_another_result() -> None:
    now = run_with(*BEFORE[:2], op("sum", "31", "44"), op("mul", "44", "55"), tensors=OTHER)
    assert first(now) == (WhereKind.ARGUMENT, ["sum"], ["sum"])


def test_an_inserted_op_that_computes_nothing_new_does_not_hide_the_one_that_differs() -> None:
    harmless = op("_local_scalar_dense", "2", "0")
    locked = run_with(op("empty", "0", "0"), *BEFORE, tensors=LOCKED.tensors)
    now = run_with(
        locked.operators[0],
        BEFORE[0],
        harmless,
        op("relu", "2", "33"),
        op("sum", "33", "44"),
        tensors=OTHER,
    )
    assert first(now, locked) == (WhereKind.RESULT, ["relu"], ["relu"])
    now = run_with(
        locked.operators[0], BEFORE[0], harmless, BEFORE[1], op("sum", "31", "44"), tensors=OTHER
    )
    assert first(now, locked) == (WhereKind.ARGUMENT, ["sum"], ["sum"])


def test_an_op_that_is_gone_is_named() -> None:
    now = run_with(BEFORE[0], op("sum", "2", "44"), op("mul", "44", "55"), tensors=OTHER)
    assert first(now) == (WhereKind.OPERATORS, ["relu"], [])


def test_ops_at_the_end_that_only_one_side_has_are_found_unless_the_lock_was_cut_there() -> None:
    now = run_with(*BEFORE, op("add_", "5", "6"), tensors=OTHER)
    assert first(now) == (WhereKind.OPERATORS, [], ["add_"])
    cut = replace(LOCKED, operators_total=5)
    assert first(now, cut) == (WhereKind.TENSOR, [], [])


def test_a_seed_that_changed_is_told_from_a_kernel_that_changed() -> None:
    locked = run_with(op("uniform_", "1", "2", generator="0" * 8), tensors=LOCKED.tensors)
    reseeded = run_with(op("uniform_", "1", "3", generator="1" * 8), tensors=OTHER)
    computed = run_with(op("uniform_", "1", "3", generator="0" * 8), tensors=OTHER)
    assert (first(reseeded, locked)[0], first(computed, locked)[0]) == (
        WhereKind.RANDOM,
        WhereKind.RESULT,
    )


def test_content_from_outside_is_no_op_s_doing() -> None:
    locked = run_with(op("lift_fresh", OUTSIDE, "2"), tensors=LOCKED.tensors)
    assert (
        first(run_with(op("lift_fresh", OUTSIDE, "3"), tensors=OTHER), locked)[0]
        is WhereKind.OUTSIDE
    )


def test_a_line_that_moved_is_no_difference() -> None:
    now = run_with(*(replace(one, line=one.line + 3) for one in BEFORE), tensors=LOCKED.tensors)
    assert checked(now).state is State.EQUAL
    assert not checked(now).operators_differ


def test_other_operators_that_compute_the_same_tensors_are_equal_and_told() -> None:
    now = run_with(BEFORE[0], op("clamp", "2", "3"), *BEFORE[2:], tensors=LOCKED.tensors)
    assert (checked(now).state, checked(now).operators_differ, checked(now).where) == (
        State.EQUAL,
        True,
        None,
    )


def test_an_op_that_varied_between_the_locked_runs_is_never_a_difference() -> None:
    locked = run_with(BEFORE[0], op("relu", VARIES, VARIES), *BEFORE[2:], tensors=LOCKED.tensors)
    now = run_with(
        BEFORE[0], op("relu", "7", "8"), op("sum", "3", "44"), op("mul", "44", "55"), tensors=OTHER
    )
    assert first(now, locked) == (WhereKind.RESULT, ["sum"], ["sum"])


def test_a_batch_that_differs_decides_nothing() -> None:
    assert (
        checked(replace(LOCKED, tensors=(tensor("w", "1"), tensor("x", "8", "batch")))).state
        is State.EQUAL
    )


def test_tensors_that_one_side_lacks_are_differences() -> None:
    result = checked(replace(LOCKED, tensors=(tensor("v", "8"),)))
    assert result.state is State.DIFFERS
    assert [
        (change.locked and change.locked.name, change.now and change.now.name)
        for change in result.tensors
    ] == [
        ("w", None),
        (None, "v"),
    ]


def test_the_second_tensor_of_a_name_is_compared_with_the_second() -> None:
    locked = replace(LOCKED, tensors=(tensor("w", "1"), tensor("w", "2")))
    result = checked(replace(LOCKED, tensors=(tensor("w", "1"), tensor("w", "3"))), locked)
    assert [change.now and change.now.digest[-1] for change in result.tensors] == ["3"]


def test_nothing_that_decides_is_not_equal_but_not_comparable() -> None:
    empty = replace(LOCKED, tensors=(tensor("x", "9", "batch"),))
    assert checked(empty, empty).state is State.NOT_COMPARABLE


def test_what_changed_is_named_by_file_setting_and_environment() -> None:
    files = (("new.py", "1" * 16), ("train.py", "2" * 16))
    environment = (*HERE[:-1], ("threads", "1"), ("numpy", "2"))
    now = replace(
        LOCKED,
        files=files,
        environment=environment,
        changes=(("threads", "4 -> 1"),),
        tensors=OTHER,
    )
    changes = checked(now, settings=Settings(seed=0)).changes
    assert changes.code == (("lib/opt im.py", "gone"), ("new.py", "new"), ("train.py", "changed"))
    assert changes.settings == (
        ("threads", "2", "unset"),
        ("seed", "unset", "0"),
        ("threads, set by the program", "4 -> 2", "4 -> 1"),
    )
    assert changes.environment == (("threads", "2", "1"), ("numpy", "unset", "2"))


def test_a_call_at_a_changed_file_is_said_to_stand_there() -> None:
    now = run_with(*BEFORE[:3], op("mul", "4", "55"), tensors=OTHER)
    assert not checked(now).is_at_changed_file
    assert checked(replace(now, files=(("train.py", "2" * 16),))).is_at_changed_file


def test_a_lock_of_cuda_alone_is_not_comparable_without_it() -> None:
    locked = replace(LOCKED, environment=THERE)
    assert checked(LOCKED, locked).state is State.NOT_COMPARABLE
    assert (
        compare_runs(replace(ENTRY, runs=(locked, LOCKED)), LOCKED, LOCKED, ENTRY.settings).state
        is State.EQUAL
    )


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ("equal equal", 0),
        ("equal differs", 1),
        ("not-comparable differs", 1),
        ("equal not-comparable", 2),
        ("", 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst_entry(states: str, code: int) -> None:
    assert choose_exit_code([CheckResult("x", State(state)) for state in states.split()]) == code


def test_a_subject_that_is_gone_says_why_and_what_to_do() -> None:
    result = not_comparable("x", "there is no file", "look")
    assert (result.state, result.why, result.hint) == (
        State.NOT_COMPARABLE,
        "there is no file",
        "look",
    )
