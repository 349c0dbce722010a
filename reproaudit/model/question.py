"""What was asked of the program, and the facts that only some questions bring out. Standard library
only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from reproaudit.model.difference import Difference
from reproaudit.model.events import Location
from reproaudit.model.verdict import Verdict


class Question(str, Enum):
    """What a result answers."""

    AUDIT = "audit"  # is it the same twice?
    VARY = "vary"  # does it depend on something that should not matter?
    RESUME = "resume"  # does a resumed run equal an uninterrupted one?
    SEEDS = "seeds"  # does the seed reach what it ought to reach, and nothing else?


class Dependence(str, Enum):
    """What a variation changed."""

    NONE = "none"  # all that is compared is equal
    EXPECTED = "expected"  # documented: another order of a sum, another kernel, another precision
    BUG = "bug"  # what ought not to reach a tensor does
    UNEXPLAINED = "unexplained"
    FAILS = "fails"  # the program fails, or does not end, under the variation
    NOT_TRIED = "not-tried"


class Trend(str, Enum):
    """How a difference goes on over the steps."""

    NONE = "none"  # there is no difference, or only one step that has it
    GROWING = "growing"
    STEADY = "steady"
    SHRINKING = "shrinking"
    UNKNOWN = "unknown"  # no values were kept to measure it


# Before the name of a variation of what a server is asked at once.
SERVER_PREFIX = "endpoint."


@dataclass(frozen=True, slots=True)
class VariationOutcome:
    """One value of one variation, against the plain run.

    `run` is the number of its run in the result's `runs`; None: not tried, and `why` says why.
    `step`, `tensor` and `difference` are of the first tensor that differs, `tensors` counts all
    that do. `finding` is the position in the result's `findings` of where the dependence is born.
    `why` is one sentence without its full stop, `reference` where it is documented.
    `environment_diff` are lines of a unified diff of what the two runs' environments hold, where
    that helps.
    """

    OMITS_DEFAULTS: ClassVar[tuple[str, ...]] = ("reference", "environment_diff")

    name: str
    value: str
    dependence: Dependence
    is_within_tolerance: bool = False
    why: str = ""
    run: int | None = None
    finding: int | None = None
    step: int | None = None
    tensor: str = ""
    tensors: int = 0
    difference: Difference | None = None
    trend: Trend = Trend.NONE
    reference: str = ""
    environment_diff: tuple[str, ...] = ()

    @property
    def is_of_server(self) -> bool:
        """True if answers of a server were compared, which are what `tensors` counts."""
        return self.name.startswith(SERVER_PREFIX)

    @property
    def setting(self) -> str:
        """The variation as it is written on the command line."""
        return f"{self.name}={self.value}"


class StateKind(str, Enum):
    """State that a run which goes on needs from the one before."""

    DATA_POSITION = "data-position"
    SAMPLER_EPOCH = "sampler-epoch"
    RANDOM_STREAM = "random-stream"
    PARAMETERS = "parameters"
    BUFFERS = "buffers"  # such as the running mean of a batch norm
    OPTIMIZER = "optimizer"
    SCHEDULER = "scheduler"
    SCALER = "scaler"  # of gradients, in mixed precision
    AVERAGE = "average"  # a moving average of the parameters
    ACCUMULATION = "accumulation"  # gradients of micro-batches that no step has used yet
    PYTHON_VALUE = "python-value"  # such as a counter


class Restoration(str, Enum):
    """What became of a piece of state."""

    NOT_RESTORED = "not-restored"
    SHIFTED = "shifted"  # restored, and changed again before it was used
    WRONG = "wrong"  # restored to something else


@dataclass(frozen=True, slots=True)
class LostState:
    """State that a resumed run lacks. `expected` and `found` are what the uninterrupted and the
    resumed run have in its place, in a few words.

    `location` is the line that shifted it, or that should have restored it. `in_checkpoint`: the
    checkpoint holds it; None if that is not known. `evidence` are sentences.
    """

    kind: StateKind
    name: str
    restoration: Restoration
    expected: str = ""
    found: str = ""
    location: Location | None = None
    in_checkpoint: bool | None = None
    evidence: tuple[str, ...] = ()
    advice: str = ""


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A file that the stopped run wrote its state to.

    `writer` is what wrote it, such as "torch.save"; `step` counts optimizer steps made before;
    `holds` are the kinds of state in it.
    """

    path: str
    writer: str
    step: int
    location: Location | None = None
    holds: tuple[StateKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Resumption:
    """How a run was stopped and gone on with.

    `asked` is the step that was asked for, `step` the one that the resumed run begins at, as the
    uninterrupted one counts; both None if not known. `stopped_by` is "exception", "SIGTERM",
    "checkpoint" or "its own end". `held` are the interventions that were held in all of these runs,
    for without them the program differs from run to run; `answer` is then the verdict on the
    resumed run alone. None: that of the result.
    """

    OMITS_DEFAULTS: ClassVar[tuple[str, ...]] = ("held", "answer")

    asked: int | None
    step: int | None
    stopped_by: str
    command: str
    lost: tuple[LostState, ...] = ()
    checkpoints: tuple[CheckpointFile, ...] = ()
    held: tuple[str, ...] = ()
    answer: Verdict | None = None


class StreamUse(str, Enum):
    """What random numbers are drawn for."""

    WEIGHTS = "initial weights"
    ORDER = "data order"
    DATA = "data"  # made, augmented or split
    FORWARD = "forward pass"  # dropout and the like
    OTHER = "other"


class SeedEffect(str, Enum):
    """What the seed does to a stream."""

    FOLLOWS = "follows"  # another seed gives other numbers, the same seed the same
    CONSTANT = "constant"  # the same numbers under every seed
    UNSEEDED = "unseeded"  # other numbers in each run, whatever the seed
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SeedStream:
    """Numbers that one line of the program draws, and whether the seed reaches them.

    `stream` is the generator, such as "torch CPU". `is_expected`: so it ought to be.
    `below`: the library in which the draw is made, "" if it is the program's own.
    """

    stream: str
    use: StreamUse
    effect: SeedEffect
    location: Location | None = None
    call: str = ""
    draws: int = 0
    process: str = ""
    below: str = ""
    is_expected: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class FlagSetting:
    """One call or assignment that set a seed or a determinism flag, in the order of the run.

    `made` names what of it existed already, such as "Linear", "Adam", "DataLoader". `by` is the
    library whose code did it, "" for the program. `undoes` is the position of the earlier setting
    that it overwrites with another value. `why` is one sentence if it comes too late or is undone.
    """

    what: str
    value: str
    step: int
    location: Location | None = None
    by: str = ""
    made: tuple[str, ...] = ()
    undoes: int | None = None
    why: str = ""


def list_locations(
    resumption: Resumption | None,
    streams: Sequence[SeedStream],
    timeline: Sequence[FlagSetting],
) -> Iterator[Location]:
    """Yield the lines that the facts of a question name; those of variations are findings'."""
    named: list[Location | None] = []
    if resumption is not None:
        named += [lost.location for lost in resumption.lost]
        named += [checkpoint.location for checkpoint in resumption.checkpoints]
    named += [stream.location for stream in streams]
    named += [setting.location for setting in timeline]
    for location in named:
        if location is not None:
            yield location
