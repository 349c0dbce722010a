"""The patch of a proven fix is called verified only if copies with it were run and were equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.config.subject import parse_subject
from reproaudit.diagnose.patching import Patcher
from reproaudit.errors import SubjectError
from reproaudit.model.cause import Cause
from reproaudit.model.events import (
    EventKind,
    LibraryCall,
    Location,
    Outcome,
    OutcomeKind,
    Phase,
)
from reproaudit.model.flag_use import FlagMode, FlagUse
from reproaudit.model.result import Finding, Fix
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

FAILED = Outcome(OutcomeKind.RAISED, detail="TypeError: no order")


class FakeLab:
    """Gives runs of copies; `content` says what the run of a request leaves, None for a failure."""

    steps: int | None = 1
    runs_made = 0

    def __init__(
        self, folder: Path, content: Callable[[RunRequest], int | None], *, copies: bool = True
    ) -> None:
        self.folder = folder
        self.subject = parse_subject("train.py", cwd=folder)
        self.seconds: dict[str, float] = {}
        self.requests: list[RunRequest] = []
        self.content = content
        self.copies = copies

    def start_budget(self) -> None:
        raise AssertionError("it was started before")

    def can_try(self, name: str) -> bool:
        return True

    def can_patch(self, paths: Sequence[str] = ()) -> bool:
        return self.copies and not any(path.startswith("../") for path in paths)

    def run(self, request: RunRequest) -> Run:
        self.requests.append(request)
        content = self.content(request)
        rows = [Row("weight", content or 0, kind=EventKind.GRADIENT)]
        folder = self.folder / "traces" / request.name
        if content is None:
            return make_run(folder, request.index, rows, outcome=FAILED)
        return make_run(folder, request.index, rows)


def proven(*names: str, line: int = 1, call: str = "", cause: Cause = Cause.UNKNOWN) -> Finding:
    location = Location("train.py", line)
    fix = Fix(names, "advice", verified=True, runs=3)
    return Finding("", cause, "", Phase.DATA, 0, location=location, fix=fix, call=call)


def patched(lab: FakeLab, *findings: Finding, refuses: bool = False) -> list[Fix]:
    found = Patcher(lab, Interned(), refuses=refuses).add(findings)
    return [finding.fix for finding in found if finding.fix is not None]


def write(folder: Path, text: str = "import torch\nnames = list(set(words))\n") -> None:
    (folder / "train.py").write_text(text)


def test_equal_runs_of_the_patched_copy_verify_the_patch(tmp_path: Path) -> None:
    write(tmp_path)
    lab = FakeLab(tmp_path, lambda request: 5)
    first, second = patched(lab, proven("hash.seed", line=2), proven("seed.torch"))
    assert first.patch == second.patch
    assert [row for row in first.patch if row[0] in "+-"] == [
        "--- train.py",
        "+++ train.py",
        "-names = list(set(words))",
        "+torch.manual_seed(0)",
        "+names = list(sorted(set(words)))",
    ]
    assert (first.patch_verified, first.patch_runs, first.patch_note) == (True, 2, "")
    text = "import torch\ntorch.manual_seed(0)\nnames = list(sorted(set(words)))\n"
    assert [request.files for request in lab.requests] == [(("train.py", text),)] * 2
    assert all(request.fresh_copy and not request.interventions for request in lab.requests)


def test_a_patch_of_what_no_copy_holds_is_shown_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "start").mkdir()
    write(tmp_path / "start")
    lab = FakeLab(tmp_path / "start", lambda request: 5)
    write(tmp_path, "rng = numpy.random.default_rng()\n")
    finding = proven("seed.numpy_generators", call="numpy.random.default_rng")
    (fix,) = patched(lab, replace(finding, location=Location("../train.py", 1)))
    assert fix.patch_note == "not run: ../train.py lies outside of what is copied for a run"
    assert not lab.requests


def test_a_patch_whose_copies_differ_is_dropped_and_what_was_seen_is_said(tmp_path: Path) -> None:
    write(tmp_path)
    (fix,) = patched(FakeLab(tmp_path, lambda request: request.index + 1), proven("seed.torch"))
    assert fix.patch == ("import torch", "torch.manual_seed(0)")
    assert not fix.patch_verified
    assert fix.patch_note == "a patch was dropped: 2 runs of the patched copy were not equal"


def test_seeds_beside_others_give_way_to_seeds_at_the_start(tmp_path: Path) -> None:
    write(tmp_path, "import torch, random\nimport os\ntorch.manual_seed(3)\nx = torch.rand(1)\n")

    def content(request: RunRequest) -> int:
        ((_, text),) = request.files
        return 1 if text.startswith("import torch, random\nrandom.seed(0)") else request.index

    lab = FakeLab(tmp_path, content)
    (fix,) = patched(lab, proven("seed.python"))
    assert fix.patch_verified
    assert fix.patch[3:5] == (" import torch, random", "+random.seed(0)")
    assert len(lab.requests) == 4


@pytest.mark.parametrize(
    ("fails_unpatched", "note", "is_dropped"),
    [
        (False, "a patch was dropped: the patched copy ended otherwise: TypeError: no order", True),
        (
            True,
            "not run: the program does not run in a copy of its folder (TypeError: no order)",
            False,
        ),
    ],
)
def test_a_copy_that_fails_is_told_from_a_patch_that_fails(
    tmp_path: Path, fails_unpatched: bool, note: str, is_dropped: bool
) -> None:
    write(tmp_path)

    def content(request: RunRequest) -> int | None:
        return None if request.files or fails_unpatched else 1

    (fix,) = patched(FakeLab(tmp_path, content), proven("hash.seed", line=2))
    assert fix.patch_note == note
    assert (fix.patch[0] != "--- train.py") == is_dropped
    assert not fix.patch_verified


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (BudgetSpent(), "not run: the budget was spent"),
        (KeyboardInterrupt(), "not run: it was interrupted"),
        (SubjectError("too large", code="folder-too-large"), "not run: too large"),
    ],
)
def test_a_patch_that_could_not_be_run_is_shown_as_not_run(
    tmp_path: Path, error: BaseException, note: str
) -> None:
    write(tmp_path)

    def content(request: RunRequest) -> int:
        raise error

    (fix,) = patched(FakeLab(tmp_path, content), proven("seed.torch"))
    assert (fix.patch[0], fix.patch_verified, fix.patch_note) == ("--- train.py", False, note)


def test_a_part_of_the_fix_is_shown_as_a_part_and_not_run(tmp_path: Path) -> None:
    write(tmp_path, "import torch\nimport time\nnow = time.time()\n")
    lab = FakeLab(tmp_path, lambda request: 1)
    seed, clock = patched(lab, proven("seed.torch"), proven("clock.fixed", line=3))
    assert seed.patch_note == (
        "not run: it is a part of the fix; to be written by hand: clock.fixed"
    )
    assert clock.patch == ("now = FIXED_TIME  # a constant, or count steps instead of seconds",)
    assert clock.patch_note == ""
    assert lab.requests == []


def test_within_one_process_no_copy_is_run(tmp_path: Path) -> None:
    write(tmp_path)
    (fix,) = patched(FakeLab(tmp_path, lambda request: 1, copies=False), proven("seed.torch"))
    assert (fix.patch_verified, fix.patch_note) == (
        False,
        "not run: no copy of the program was made",
    )


def test_a_fix_that_was_not_run_gets_no_patch(tmp_path: Path) -> None:
    write(tmp_path)
    unproven = Finding("", Cause.KERNEL, "", Phase.DATA, 0, fix=Fix(("seed.torch",), "try it"))
    lab = FakeLab(tmp_path, lambda request: 1)
    assert Patcher(lab, Interned(), refuses=False).add([unproven]) == [unproven]


def test_a_program_that_the_flag_would_end_is_told_to_let_it_warn(tmp_path: Path) -> None:
    write(tmp_path, "import torch\n")
    lab = FakeLab(tmp_path, lambda request: 1)
    last_rows = []
    for refuses in (False, True):
        (fix,) = patched(lab, proven("kernels.deterministic"), refuses=refuses)
        last_rows.append(fix.patch[-1])
    assert last_rows == [
        "+torch.use_deterministic_algorithms(True)",
        "+torch.use_deterministic_algorithms(True, warn_only=True)",
    ]


def test_what_must_be_strict_though_something_raises_is_written_by_hand(tmp_path: Path) -> None:
    write(tmp_path, "import torch\n")
    lab = FakeLab(tmp_path, lambda request: 1)
    finding = proven("kernels.deterministic", "seed.torch")
    assert finding.fix is not None
    use = FlagUse(FlagMode.UNLESS_REFUSED, ("aten::put_",))
    finding = replace(
        finding, op="aten::_efficient_attention_backward", fix=replace(finding.fix, flag=use)
    )
    found = Patcher(lab, Interned(), refuses=True).add([finding])
    fix = found[0].fix
    assert fix is not None
    # The seed is in the patch, and the flag is not: it would have to warn everywhere.
    assert "+torch.manual_seed(0)" in fix.patch
    assert not any("warn_only" in row for row in fix.patch)
    assert fix.patch_note.endswith("to be written by hand: kernels.deterministic")
    (alone,) = Patcher(lab, Interned(), refuses=True).add(
        [replace(finding, fix=replace(fix, settings=("kernels.deterministic",), patch=()))]
    )
    assert alone.fix is not None
    assert alone.fix.patch[0].startswith("torch.use_deterministic_algorithms(True)  # warn_only")


def test_a_patch_that_raises_though_nobody_had_asked_gives_way_to_one_that_warns(
    tmp_path: Path,
) -> None:
    write(tmp_path, "import torch\n")
    raised = Outcome(OutcomeKind.RAISED, 1, "put_ …: torch.use_deterministic_algorithms(True)")

    class Refusing(FakeLab):
        def run(self, request: RunRequest) -> Run:
            run = super().run(request)
            if any("algorithms(True)" in text for _, text in request.files):
                rows = [Row("weight", 1, kind=EventKind.GRADIENT)]
                folder = self.folder / "raised" / request.name
                return make_run(folder, request.index, rows, outcome=raised)
            return run

    lab = Refusing(tmp_path, lambda request: 1)
    (fix,) = patched(lab, proven("kernels.deterministic"))
    assert fix.patch[-1] == "+torch.use_deterministic_algorithms(True, warn_only=True)"
    assert fix.patch_verified


@pytest.mark.parametrize(
    ("line", "call", "advice"),
    [
        (
            "stop = time.time() + 3",
            "time.time",
            "# a constant, or a count of steps, in the place of time.time()",
        ),
        (
            "seed = uuid.uuid4().int",
            "uuid.uuid4",
            "# a name made of a counter or of the settings, instead of uuid.uuid4()",
        ),
        ("seed = os.getpid()", "os.getpid", "0  # or the rank, instead of os.getpid()"),
        (
            "rng = library.sampler()",
            "os.urandom",
            "# train.py:1 calls what reads os.urandom: give it a seed, if it takes one",
        ),
        (
            "rng = sampler()",
            "",
            "# a constant in place of what the operating system gives anew to each process",
        ),
    ],
)
def test_advice_speaks_of_the_call_that_was_found(
    tmp_path: Path, line: str, call: str, advice: str
) -> None:
    write(tmp_path, f"{line}\n")
    lab = FakeLab(tmp_path, lambda request: 1)
    name = "clock.fixed" if call.startswith("time.") else "entropy.fixed"
    (fix,) = patched(lab, proven(name, call=call))
    assert fix.patch == (advice,)


@pytest.mark.parametrize(
    ("below", "advice"),
    [
        (
            LibraryCall("numba.core.registry.CPUDispatcher"),
            "# call numpy.random.seed(0) inside of a @numba.njit function, once and first: in "
            "Python it does not reach numba's generator",
        ),
        (
            LibraryCall("drawlib.sample", "sample", "random_state"),
            "sample(..., random_state=0)",
        ),
        (
            LibraryCall("drawlib.draw"),
            "# drawlib.draw reads os.urandom: give it a seed, if it takes one",
        ),
    ],
)
def test_advice_is_for_the_library_that_made_the_call(
    tmp_path: Path, below: LibraryCall, advice: str
) -> None:
    write(tmp_path, "walk(3)\n")
    # Runs of a patched copy would differ.
    lab = FakeLab(tmp_path, lambda request: request.index)
    finding = replace(proven("entropy.fixed", call="os.urandom"), below=below)
    (fix,) = patched(lab, finding)
    assert fix.patch == (advice,)


def test_a_call_that_the_repair_leaves_as_it_is_was_a_bystander(tmp_path: Path) -> None:
    write(tmp_path)
    findings = [
        proven("seed.torch", call="uuid.uuid4"),
        proven("seed.python", call="random.random"),
    ]
    lab = FakeLab(tmp_path, lambda request: 1)
    found = Patcher(lab, Interned(), refuses=False).add(findings)
    assert [finding.call for finding in found] == ["", "random.random"]


def test_what_was_proven_together_and_belongs_to_no_finding_is_in_the_patch(tmp_path: Path) -> None:
    write(tmp_path, "import torch\nimport random\n")
    lab = FakeLab(tmp_path, lambda request: 1)
    patcher = Patcher(lab, Interned(), refuses=False)
    (found,) = patcher.add([proven("seed.torch")], ("seed.torch", "seed.python"))
    assert found.fix is not None
    assert [row for row in found.fix.patch if row[0] == "+"][1:] == [
        "+torch.manual_seed(0)",
        "+random.seed(0)",
    ]
    assert found.fix.settings == ("seed.torch",)


@pytest.mark.parametrize(
    ("call", "added"),
    [
        ("numpy.random.SeedSequence", "+ask(3, seed=0)"),
        ("numpy.random.default_rng", "+ask(3, seed=0)"),
        ("numpy.random.choice", "+numpy.random.seed(0)"),
    ],
    ids=["a generator of its own", "one that the library seeds", "the global stream"],
)
def test_a_library_is_given_a_seed_where_it_makes_a_generator(
    tmp_path: Path, call: str, added: str
) -> None:
    write(tmp_path, "import numpy\nask(3)\n")
    lab = FakeLab(tmp_path, lambda request: 1)
    below = LibraryCall("library.ask", "ask", "seed")
    (fix,) = patched(lab, replace(proven("seed.numpy", line=2, call=call), below=below))
    assert [row for row in fix.patch if row.startswith("+") and "+++" not in row] == [added]


@pytest.mark.parametrize(("content", "runs"), [(5, 3), (6, 4)])
def test_one_run_fewer_is_enough_where_the_patch_gives_what_the_fix_gave(
    tmp_path: Path, content: int, runs: int
) -> None:
    write(tmp_path)
    lab = FakeLab(tmp_path, lambda request: content)
    proof = make_run(tmp_path / "proof", 0, [Row("weight", 5, kind=EventKind.GRADIENT)])
    patcher = Patcher(lab, Interned(), refuses=False, runs=4, proof=proof)
    (finding,) = patcher.add([proven("hash.seed", line=2)])
    assert finding.fix is not None
    assert (finding.fix.patch_verified, finding.fix.patch_runs) == (True, runs)
