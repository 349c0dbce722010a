"""Which finding a proven fix belongs to, what it says of the cause, and the patch it becomes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.entropy import EntropyCall, Strength
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.comparison.localise import Origin, Source
from reproaudit.diagnose.attribute import (
    correct_cause,
    could_be_repaired_by,
    is_repaired_by,
    make_finding_without_place,
    settle_finding,
    settle_kernel,
)
from reproaudit.diagnose.pinning import FoundSource
from reproaudit.diagnose.shares import divide_fix
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import Explanation
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind, Location, Phase
from reproaudit.model.result import Evidence, Finding, Fix
from reproaudit.trace.runs import MAIN_PROCESS
from tests.comparison.traces import Row, make_run


def finding(cause: Cause, fix: Fix | None = None, location: Location | None = None) -> Finding:
    return Finding("", cause, "", Phase.DATA, 0, location=location, fix=fix)


def known(cause: Cause, *choices: str, call: EntropyCall | None = None) -> FoundSource:
    explained = Explanation(finding(cause), Source(Origin.BIRTH, MAIN_PROCESS, 0, 0, 0.0), call)
    return FoundSource(explained, cast(RunPair, None), None, choices)


def test_a_repair_belongs_to_the_finding_whose_cause_it_removes_not_to_all_that_considered_it() -> (
    None
):
    unknown, unseeded = (
        known(Cause.UNKNOWN, "seed.numpy", "hash.seed"),
        known(Cause.UNSEEDED_RNG, "seed.numpy"),
    )
    both = [unknown, unseeded]
    assert [is_repaired_by(one, "seed.numpy", both) for one in both] == [False, True]
    assert [is_repaired_by(one, "hash.seed", both) for one in both] == [True, False]


def test_without_a_finding_of_its_cause_a_repair_belongs_to_whoever_chose_it() -> None:
    order = known(Cause.RNG_ORDER, "clock.fixed")
    assert is_repaired_by(order, "clock.fixed", [order])


def test_the_seed_of_a_stream_does_not_repair_a_seed_that_the_program_makes_of_a_hash() -> None:
    made = EntropyCall(
        "torch.manual_seed", MAIN_PROCESS, 0, 0, Strength.SPECIFIC, "(4,)", "(5,)", False
    )
    unseeded = known(Cause.UNSEEDED_RNG, "seed.torch")
    seeded = known(Cause.UNSEEDED_RNG, "hash.seed", "seed.numpy", "seed.torch", call=made)
    both = [unseeded, seeded]
    assert divide_fix(("seed.torch", "hash.seed"), both) == [("seed.torch",), ("hash.seed",)]
    assert divide_fix(("seed.torch",), both) == [("seed.torch",), ()]
    assert divide_fix(("seed.torch",), [seeded]) == [("seed.torch",)]
    assert is_repaired_by(seeded, "seed.numpy", both), "the seed may be drawn from that stream"
    assert correct_cause(seeded.explained.finding, ("hash.seed",)).cause is Cause.HASH_ORDER


def test_what_repairs_an_open_case_names_its_cause_and_says_so() -> None:
    found = correct_cause(finding(Cause.UNKNOWN), ("hash.seed",))
    assert (found.cause, found.rule) == (Cause.HASH_ORDER, "RA202")
    assert found.evidence.notes == ("known by what repairs it: hash.seed",)


def test_an_order_of_addresses_is_not_said_to_be_repaired_by_a_hash_seed() -> None:
    found = correct_cause(finding(Cause.UNKNOWN), ("addresses.fixed",))
    assert found.cause is Cause.HASH_ORDER
    assert found.fix is not None
    assert "addresses" in found.fix.advice
    assert "PYTHONHASHSEED" not in found.fix.advice


def test_a_cause_that_its_repair_fits_is_kept() -> None:
    assert correct_cause(finding(Cause.THREAD_RACE), ("threads.one",)).cause is Cause.THREAD_RACE


def test_a_wrong_suspicion_gives_way_to_what_was_run() -> None:
    assert correct_cause(finding(Cause.CLOCK), ("hash.seed",)).cause is Cause.HASH_ORDER


def test_a_stream_that_the_clock_shifted_stays_a_matter_of_order() -> None:
    assert correct_cause(finding(Cause.RNG_ORDER), ("clock.fixed",)).cause is Cause.RNG_ORDER


def test_repairs_that_disagree_name_no_cause() -> None:
    assert correct_cause(finding(Cause.UNKNOWN), ("hash.seed", "seed.numpy")).cause is Cause.UNKNOWN


@pytest.mark.parametrize(
    ("name", "strength", "path", "cause"),
    [
        ("time.time", Strength.CLOCK, "train.py", Cause.UNKNOWN),
        ("queue.Queue.get", Strength.ARRIVAL, "site-packages/joblib/parallel.py", Cause.UNKNOWN),
        ("queue.Queue.get", Strength.ARRIVAL, "train.py", Cause.DATA_ORDER),
        ("os.listdir", Strength.SPECIFIC, "train.py", Cause.DATA_ORDER),
    ],
)
def test_without_a_fix_what_differs_by_its_nature_is_no_cause_and_its_line_goes_with_it(
    name: str, strength: Strength, path: str, cause: Cause
) -> None:
    call = EntropyCall(name, MAIN_PROCESS, 0, 0, strength, "1", "2", False)
    explained = replace(
        known(Cause.DATA_ORDER, call=call).explained,
        finding=finding(Cause.DATA_ORDER, location=Location(path, 3)),
        arrival=Location("train.py", 9),
    )
    settled = settle_finding(explained)
    place = Location("train.py", 9) if cause is Cause.UNKNOWN else Location(path, 3)
    assert (settled.cause, settled.location) == (cause, place)


def kernel(**evidence: bool) -> Finding:
    return replace(finding(Cause.KERNEL), op="aten::mm", evidence=Evidence(**evidence))


@pytest.mark.parametrize(
    ("suspect", "part", "cause"),
    [
        (kernel(observed=True, replayed=True), (), Cause.KERNEL),
        (kernel(observed=True, replayed=False), (), Cause.UNKNOWN),
        (kernel(observed=True), (), Cause.UNKNOWN),
        (kernel(observed=True, declared=True), (), Cause.UNKNOWN),
        (kernel(observed=True, replayed=False), ("seed.numpy",), Cause.UNKNOWN),
        (kernel(observed=True, replayed=False), ("kernels.deterministic",), Cause.KERNEL),
        (kernel(observed=True), ("threads.one",), Cause.KERNEL),
    ],
)
def test_a_kernel_is_accused_only_by_a_repetition_that_differed_or_by_a_trial(
    suspect: Finding, part: tuple[str, ...], cause: Cause
) -> None:
    assert settle_kernel(suspect, part).cause is cause


def test_what_else_equal_inputs_and_other_outputs_may_mean_is_said() -> None:
    stable = settle_kernel(kernel(observed=True, replayed=False))
    unseen = settle_kernel(kernel(observed=True))
    proven = settle_kernel(kernel(observed=True, replayed=False), ("kernels.deterministic",))
    (why_stable,), (why_unseen,), (why_proven,) = (
        one.evidence.notes for one in (stable, unseen, proven)
    )
    assert "another shape or argument that was not seen" in why_stable
    assert why_unseen == (
        "the call was not repeated, so whether its kernel is to blame is not known"
    )
    assert why_proven == (
        "no repetition of the call differed; known by what repairs it: kernels.deterministic"
    )


def test_a_repair_of_kernels_is_not_taken_for_what_repairs_content_from_outside() -> None:
    outside = known(Cause.UNKNOWN)
    assert [
        could_be_repaired_by(outside, name)
        for name in ("hash.seed", "threads.serial", "memory.fill", "threads.one")
    ] == [
        True,
        True,
        True,
        False,
    ]


def test_undefined_memory_that_was_alike_by_chance_is_named_all_the_same(tmp_path: Path) -> None:
    rows = [
        Row("aten::empty.memory_format", flags=EventFlag.UNDEFINED, line=3),
        Row("aten::add.Tensor", 5, flags=EventFlag.READS_UNDEFINED, aux=0, line=9),
        Row("weight", 5, kind=EventKind.GRADIENT),
    ]
    run = make_run(tmp_path, 0, rows)
    judged = judge([run, run], compare_boundaries([run, run], Interned()), {})
    found = make_finding_without_place(judged, Fix(("memory.fill",), verified=True, runs=3), [run])
    assert (found.cause, found.op) == (Cause.UNINITIALIZED_MEMORY, "aten::empty.memory_format")
    assert found.location == Location("train.py", 3, "main")
    assert "the operator was not located" in found.evidence.notes[0]
