"""Calls that differ beside a difference, and are not to blame for it. No program is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.entropy import EntropyCall, Strength
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.comparison.localise import Origin, Source
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.diagnose.bystanders import list_tried_in_vain, withdraw_unrepaired
from reproaudit.diagnose.diagnosis import Diagnosis, Diagnostician
from reproaudit.diagnose.locate import Locator
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import Explanation
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind, Location, Phase
from reproaudit.model.result import Finding, Trial
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import MAIN_PROCESS, Run
from reproaudit.trace.words import HASH_SEED
from tests.comparison.traces import Row, make_run

CALL, BIRTH = 3, 9
RANDOM_HASHES = Row(HASH_SEED, kind=EventKind.ENTROPY, line=0)

Rows = Callable[[RunRequest, int], Sequence[Row]]


class FakeLab:
    """Gives runs as `rows` makes them for a request and the number of the run."""

    steps: int | None = 1
    subject = SubjectSpec(SubjectKind.SCRIPT, Path("nowhere"), path="train.py")

    def __init__(self, folder: Path, rows: Rows) -> None:
        self.folder = folder
        self.rows = rows
        self.seconds: dict[str, float] = {}
        self.made: list[RunRequest] = []

    def start_budget(self) -> None:
        pass

    def can_try(self, name: str) -> bool:
        return True

    def run(self, request: RunRequest) -> Run:
        self.made.append(request)
        self.seconds[request.name] = 1.0
        rows = self.rows(request, len(self.made))
        return make_run(self.folder / request.name, request.index, rows)


def diagnose(folder: Path, rows: Rows) -> tuple[Diagnosis, FakeLab]:
    """Diagnose a program whose plain runs all differ."""
    plain = RunRequest(name="plain", index=0, what="")
    runs = [make_run(folder / "plain", number, rows(plain, 100 + number)) for number in range(5)]
    interned = Interned()
    judged = judge(runs, compare_boundaries(runs, interned), {})
    lab = FakeLab(folder, rows)
    found = Diagnostician(cast(RunMaker, lab), judged, (), interned=interned).run()
    return found, lab


def read_call(name: str, content: int) -> Row:
    return Row(name, content, kind=EventKind.ENTROPY, line=CALL, shown=f"value {content}")


def read_content(content: int) -> list[Row]:
    """Content that enters PyTorch, and a gradient of it."""
    born = Row(
        "aten::lift_fresh.default", content, flags=EventFlag.BIRTH, line=BIRTH, phase=Phase.DATA
    )
    return [RANDOM_HASHES, born, Row("weight", content, kind=EventKind.GRADIENT)]


@pytest.mark.parametrize("name", ["uuid.uuid4", "os.getpid"])
def test_a_call_that_was_made_alike_in_vain_takes_its_cause_and_its_line_with_it(
    tmp_path: Path, name: str
) -> None:
    def rows(request: RunRequest, number: int) -> Sequence[Row]:
        is_held = "entropy.fixed" in request.interventions
        return [read_call(name, 7 if is_held else number), *read_content(number)]

    diagnosis, _ = diagnose(tmp_path, rows)
    (finding,) = diagnosis.findings
    assert (finding.cause, finding.op) == (Cause.UNKNOWN, None)
    assert finding.location == Location("train.py", BIRTH, "main")
    assert not [note for note in finding.evidence.notes if "returned" in note]


def test_a_call_that_the_proven_fix_leaves_as_it_is_takes_its_line_with_it(tmp_path: Path) -> None:
    def rows(request: RunRequest, number: int) -> Sequence[Row]:
        content = 7 if "hash.seed" in request.interventions else number
        return [read_call("uuid.uuid4", number), *read_content(content)]

    diagnosis, lab = diagnose(tmp_path, rows)
    (finding,) = diagnosis.findings
    assert (finding.cause, finding.op) == (Cause.HASH_ORDER, None)
    assert finding.location == Location("train.py", BIRTH, "main")
    assert not [note for note in finding.evidence.notes if "returned" in note]
    # What the call had kept from being tried is tried once it is refuted, before all at once.
    pinned = [request.interventions for request in lab.made if request.reference]
    assert ("hash.seed",) in pinned


def test_after_a_refuted_call_the_next_one_that_differs_is_blamed(tmp_path: Path) -> None:
    def rows(request: RunRequest, number: int) -> Sequence[Row]:
        listing = 7 if "files.sorted" in request.interventions else number
        rows = read_content(listing)
        return [read_call("os.listdir", listing), read_call("uuid.uuid4", number), *rows]

    diagnosis, _ = diagnose(tmp_path, rows)
    (finding,) = diagnosis.findings
    assert (finding.cause, finding.location) == (
        Cause.FILESYSTEM_ORDER,
        Location("train.py", CALL, "main"),
    )
    assert finding.fix is not None
    assert (finding.fix.settings, finding.fix.verified) == (("files.sorted",), True)


def test_a_call_that_is_repaired_with_the_program_stays_to_blame(tmp_path: Path) -> None:
    def rows(request: RunRequest, number: int) -> Sequence[Row]:
        content = 7 if "entropy.fixed" in request.interventions else number
        return [read_call("uuid.uuid4", content), *read_content(content)]

    diagnosis, _ = diagnose(tmp_path, rows)
    (finding,) = diagnosis.findings
    assert (finding.cause, finding.location) == (
        Cause.UNSEEDED_RNG,
        Location("train.py", CALL, "main"),
    )


def test_a_call_that_a_seed_seemed_to_be_made_of_is_withdrawn_where_the_fix_leaves_it(
    tmp_path: Path,
) -> None:
    def rows(request: RunRequest, number: int) -> Sequence[Row]:
        seed = 7 if "hash.seed" in request.interventions else number
        return [
            RANDOM_HASHES,
            Row("time.time", number, kind=EventKind.ENTROPY, line=CALL, shown=str(number)),
            Row("torch.manual_seed", seed, kind=EventKind.ENTROPY, line=5, shown=f"({seed},)"),
            Row("aten::uniform_", seed, flags=EventFlag.RANDOM, aux=seed, line=BIRTH),
            Row("weight", seed, kind=EventKind.GRADIENT),
        ]

    diagnosis, _ = diagnose(tmp_path, rows)
    (finding,) = diagnosis.findings
    assert (finding.cause, finding.call) == (Cause.HASH_ORDER, "torch.manual_seed")
    assert finding.location == Location("train.py", 5, "main")


def test_a_seed_that_is_computed_in_an_unknown_way_is_followed_to_what_its_repair_holds(
    tmp_path: Path,
) -> None:
    def rows(request: RunRequest, number: int) -> Sequence[Row]:
        content = 7 if "clock.fixed" in request.interventions else number
        seed = content**3 % 1009
        return [
            Row("uuid.uuid4", number, kind=EventKind.ENTROPY, line=2, shown=f"UUID {number}"),
            Row("time.time", content, kind=EventKind.ENTROPY, line=CALL, shown="?"),
            Row("torch.manual_seed", seed, kind=EventKind.ENTROPY, line=5, shown=f"({seed},)"),
            Row("aten::uniform_", seed, flags=EventFlag.RANDOM, aux=seed, line=BIRTH),
            Row("weight", seed, kind=EventKind.GRADIENT),
        ]

    diagnosis, _ = diagnose(tmp_path, rows)
    (finding,) = diagnosis.findings
    assert (finding.cause, finding.call) == (Cause.CLOCK, "time.time")
    assert finding.location == Location("train.py", CALL, "main")


def test_a_trial_that_ended_otherwise_says_nothing_against_what_it_tried() -> None:
    trials = [
        Trial(("clock.fixed",), 2, False),
        Trial(("threads.serial",), 1, False, "the program ended otherwise with it: killed"),
        Trial(("hash.seed",), 3, True),
    ]
    assert list_tried_in_vain(trials) == ("clock.fixed",)


@pytest.mark.parametrize("differs_still", [True, False])
def test_without_consequence_is_said_only_of_what_differs_under_the_fix_as_well(
    tmp_path: Path, differs_still: bool
) -> None:
    def rows(request: RunRequest, number: int) -> Sequence[Row]:
        is_fixed = "hash.seed" in request.interventions
        product = 7 if is_fixed and not differs_still else number
        return [
            *read_content(7 if is_fixed else number),
            Row("aten::mm.default", product, 1, line=12),
        ]

    diagnosis, _ = diagnose(tmp_path, rows)
    assert [finding.cause for finding in diagnosis.findings] == [Cause.HASH_ORDER]
    said = [warning.message for warning in diagnosis.warnings]
    expected = (
        "aten::mm at train.py:12 in main differs between runs, without consequence: "
        "with the fix it differs as well, and runs are equal"
    )
    assert said == ([expected] if differs_still else [])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("numpy.random.default_rng", "numpy.random.default_rng differs too"),
        ("os.listdir", "os.listdir differs too, but the fix leaves it as it is"),
    ],
    ids=["a seed may be made of what the fix repairs", "no seed"],
)
def test_only_what_is_given_no_seed_is_said_to_be_left_by_the_fix(name: str, said: str) -> None:
    call = EntropyCall(name, MAIN_PROCESS, 1, 0, Strength.SPECIFIC, "(1,)", "(2,)", False)
    source = Source(Origin.BIRTH, MAIN_PROCESS, 2, 2, 2.0)
    finding = Finding("", Cause.UNSEEDED_RNG, "", Phase.DATA, 0)
    explained = Explanation(finding, source, call)
    locator = SimpleNamespace(explain_without=lambda *given: explained)
    anew = withdraw_unrepaired(
        cast(Locator, locator), cast(RunPair, None), explained, ("seed.torch",)
    )
    assert anew is not None
    assert anew.finding.evidence.notes == (said,)
