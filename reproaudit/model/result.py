"""The finished facts of an audit, frozen. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.cause import Cause
from reproaudit.model.difference import Difference
from reproaudit.model.events import (
    Change,
    EventKind,
    Level,
    LibraryCall,
    Location,
    NotChecked,
    Outcome,
    Phase,
    ProgramWarning,
)
from reproaudit.model.excerpt import Excerpt
from reproaudit.model.flag_use import FlagUse
from reproaudit.model.growth import Growth
from reproaudit.model.lines import Lines
from reproaudit.model.question import (
    FlagSetting,
    Question,
    Resumption,
    SeedStream,
    VariationOutcome,
)
from reproaudit.model.verdict import Verdict, exit_code

RESULT_SCHEMA = 2


@dataclass(frozen=True, slots=True)
class TensorDivergence:
    """One boundary tensor (batch, output, gradient, …) whose digests differ between two
    runs.

    `tensor` is its dtype and shape, such as `float32[8, 3]`; `other_tensor` that of the second run
    where it is another one. `only_in` is the run that alone has the tensor. `is_reordered`: a batch
    holds the same samples in another order. `difference` is None where the values cannot be
    compared or were not kept. `occurrence` numbers tensors of one name within a step from 1 on, as
    those of a module that is called twice.
    """

    kind: EventKind
    name: str
    step: int
    phase: Phase
    runs: tuple[int, int]
    tensor: str = ""
    difference: Difference | None = None
    other_tensor: str | None = None
    only_in: int | None = None
    is_reordered: bool = False
    occurrence: int = 1

    @property
    def lacks_values(self) -> bool:
        """True if the values could be compared, had they been kept."""
        is_comparable = self.only_in is None and self.other_tensor is None
        return is_comparable and self.difference is None


@dataclass(frozen=True, slots=True)
class Replays:
    """How often one call, repeated on its own inputs, gave another result than the first time.

    `rate_at_least` and `rate_at_most` are the exact (Clopper-Pearson) 95 % interval of the rate.
    `contention` says that differences showed only, or were only looked for, beside competing work:
    more threads than cores, or, for an op on a GPU, another stream that keeps it busy.
    """

    made: int
    differing: int
    rate_at_least: float
    rate_at_most: float
    contention: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """The four independent kinds of evidence about an op. None: not looked at."""

    observed: bool | None = None
    replayed: bool | None = None
    declared: bool | None = None
    switched: bool | None = None
    notes: tuple[str, ...] = ()
    replays: Replays | None = None


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that restores equality. `verified` only if `runs` runs were made with it and were
    equal, while plain runs made in between differed.

    `settings` names interventions. `together` names what else those runs were made with: the
    settings alone were not enough, or were not tried alone. `slowdown` is the median of paired run
    times, with the change over without; `plain_spread` the longest over the shortest time of those
    runs without, within which no cost can be measured. `patch` are lines for the user's own program
    that do the same: a unified diff from the working directory, the same one for all findings that
    it repairs, or lines to write by hand; `str(patch)` is the text. `patch_verified` only if
    `patch_runs` runs of a patched copy were made and were equal; `patch_note` says why not. `flag`
    is how the determinism flag was on in the runs, if it is one of the settings.
    """

    OMITS_DEFAULTS: ClassVar[tuple[str, ...]] = ("flag",)

    settings: tuple[str, ...] = ()
    advice: str = ""
    verified: bool = False
    runs: int = 0
    slowdown: float | None = None
    patch: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    patch_verified: bool = False
    patch_runs: int = 0
    patch_note: str = ""
    plain_spread: float | None = None
    flag: FlagUse | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "patch", Lines(self.patch))


@dataclass(frozen=True, slots=True)
class Finding:
    """One source of divergence: where it is born, why, and what repairs it.

    `prepares_update`: in the program's own code after a backward pass, not in the optimizer's.
    `variation`: what the runs were made to differ in, such as "threads=1"; "" if nothing was.
    """

    OMITS_DEFAULTS: ClassVar[tuple[str, ...]] = ("prepares_update", "variation")

    rule: str
    cause: Cause
    title: str
    phase: Phase
    step: int
    op: str | None = None
    module: str = ""
    location: Location | None = None
    count: int = 1
    evidence: Evidence = Evidence()
    difference: Difference | None = None
    fix: Fix | None = None
    # the call into the outside world that brought the difference in; "" if there is none
    call: str = ""
    # what the program called of an installed library that made this call; None if there is none
    below: LibraryCall | None = None
    # the ranks in which it was seen, of `world` that train together; none and 0 without ranks
    ranks: tuple[int, ...] = ()
    world: int = 0
    prepares_update: bool = False
    variation: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """An op that `torch.use_deterministic_algorithms(True)` refuses, with the user's line. A risk,
    not a finding."""

    op: str
    message: str
    phase: Phase
    module: str = ""
    location: Location | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """A set of interventions that was tried by running the program with it: `runs` runs, all equal
    or not.

    `plain_differ` is the control of a trial whose runs were equal: True if plain runs made since
    its start differed from each other, or, for files as they were before the audit, from the first
    run that those bring back; False if plain runs had become equal too; None if that is not known.
    `note` says what else happened: the program failed under it, or too few runs were left to tell.
    """

    settings: tuple[str, ...]
    runs: int
    is_equal: bool
    note: str = ""
    plain_differ: bool | None = None

    @property
    def is_proof(self) -> bool:
        """True if the interventions made the runs equal, and nothing else can have done it."""
        return self.is_equal and self.plain_differ is True


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run. `ranks` is how many of its processes waited for one another; 0: none did.

    `condition` says what was done in it where runs are made under different conditions, such as
    "threads=1" or "resumed".
    """

    OMITS_DEFAULTS: ClassVar[tuple[str, ...]] = ("condition",)

    index: int
    outcome: Outcome
    steps: int
    events: int
    level: Level = Level.BOUNDARY
    ranks: int = 0
    condition: str = ""


@dataclass(frozen=True, slots=True)
class OtherHardware:
    """Runs that were made on other hardware than those that decide: a variation, no witness.

    `models` are those of processor and GPU. `classes` groups the numbers of these runs as the
    classes of the result do. `equals_first`: the first of them equals the first run that decides.
    """

    models: str
    classes: tuple[tuple[int, ...], ...]
    equals_first: bool


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the runs make us. The divergence rate is the probability that a further run differs
    from the first.

    `divergence_rate_at_most`: with no difference in R runs, the exact upper bound at `level`; else
    None. With a difference, `divergence_rate` is the share of later runs that differ from the
    first, `rate_interval` its exact (Clopper-Pearson) interval at `level`; else None and empty.
    """

    level: float = 0.95
    divergence_rate_at_most: float | None = None
    divergence_rate: float | None = None
    rate_interval: tuple[float, ...] = ()


class Isolation(str, Enum):
    """What separates the runs of one audit from each other."""

    PROCESS = "process"  # each is a fresh process
    INPROCESS = "inprocess"  # repetitions within one process, where less can differ


@dataclass(frozen=True, slots=True)
class AuditResult:
    """Everything an audit found out. Every report is a rendering of it and of nothing else.

    `classes` groups the run numbers whose compared tensors are all equal. `headline` is one
    sentence without a final full stop. `environment` maps names to text, in a fixed order.
    """

    OMITS_DEFAULTS: ClassVar[tuple[str, ...]] = (
        "loaded_runs",
        "hardware",
        "other_hardware",
        "excerpts",
        "growth",
        "ops",
        "question",
        "variations",
        "resumption",
        "streams",
        "timeline",
    )

    verdict: Verdict
    headline: str
    subject: str
    runs: tuple[RunSummary, ...]
    classes: tuple[tuple[int, ...], ...]
    steps: int
    confidence: Confidence = Confidence()
    findings: tuple[Finding, ...] = ()
    divergences: tuple[TensorDivergence, ...] = ()
    divergences_total: int = 0
    alerts: tuple[Alert, ...] = ()
    warnings: tuple[ProgramWarning, ...] = ()
    changes: tuple[Change, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    # ("gradient", 120), …: tensors compared per run, by kind
    compared: tuple[tuple[str, int], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    next_commands: tuple[str, ...] = ()
    # True if every source is in `findings`: with all of them pinned or repaired, runs are equal
    is_complete: bool | None = None
    trials: tuple[Trial, ...] = ()
    runs_made: int = 0  # fresh processes that the audit started, those that only diagnosed included
    # so many of the runs that decide were made because of what `further_because` says
    further_runs: int = 0
    further_because: str = ""
    # so many of the usual runs were not made: the first two differ, and recorded ones differ too
    spared_runs: int = 0
    # of the runs that decide, those that were made beside a busy process on each core
    loaded_runs: tuple[int, ...] = ()
    # the models that the runs which decide were made on, where an executor said so
    hardware: str = ""
    other_hardware: tuple[OtherHardware, ...] = ()
    isolation: Isolation = Isolation.PROCESS
    # of the subject, from the working directory, as POSIX: what paths of locations are relative to
    folder: str = ""
    # The step that is compared first: a run that was resumed has none before it.
    first_step: int = 0
    # the folder of a stand-alone script that shows the first kernel finding; "" if none was made
    reproducer: str = ""
    # lines around the places that findings, alerts and warnings name
    excerpts: tuple[Excerpt, ...] = ()
    # of two runs that stand for two classes; None if none differ
    growth: Growth | None = None
    # of two runs that recorded every operator; None if there are none that differ
    ops: AlignedOps | None = None
    question: Question = Question.AUDIT
    variations: tuple[VariationOutcome, ...] = ()
    resumption: Resumption | None = None
    streams: tuple[SeedStream, ...] = ()
    # when seeds and determinism flags were set
    timeline: tuple[FlagSetting, ...] = ()
    schema: int = RESULT_SCHEMA

    @property
    def exit_code(self) -> int:
        """What the command line exits with: 0 reproducible, or within the tolerance; 1 a divergence
        was found; 2 not audited. Of a timeline alone 0, and 1 if a seed or flag is set wrongly."""
        if self.is_timeline:
            return int(any(setting.why for setting in self.timeline))
        return exit_code([self.verdict])

    @property
    def is_timeline(self) -> bool:
        """True if one run shows when seeds and flags are set, and nothing was compared."""
        return self.question is Question.SEEDS and not self.classes

    @property
    def end_step(self) -> int:
        """The number of the step after the last one that was compared."""
        return self.first_step + self.steps

    @property
    def first_divergence(self) -> TensorDivergence | None:
        """The first tensor that differs, other than a batch if there is one.

        A batch decides nothing by itself.
        """
        for row in self.divergences:
            if row.kind is not EventKind.BATCH:
                return row
        return self.divergences[0] if self.divergences else None
