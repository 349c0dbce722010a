"""What can happen in a run, and how a run ends: kinds, phases, flags, places. Standard library
only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag


class Level(str, Enum):
    """How much a run records. VALUES is OPERATION plus the values of chosen operators."""

    BOUNDARY = "boundary"
    OPERATION = "operation"
    VALUES = "values"


class EventKind(IntEnum):
    OP = 1
    BATCH = 2
    OUTPUT = 3
    GRADIENT = 4
    PARAMETER = 5
    RNG = 6
    ALERT = 7
    ENTROPY = 8
    FILE = 9
    LINE = 10
    REPLAY = 11


class Phase(IntEnum):
    DATA = 0
    FORWARD = 1
    BACKWARD = 2
    OPTIMIZER = 3


class EventFlag(IntFlag):
    RANDOM = 1  # the op draws from a generator; `aux` is the 64-bit digest of the state it consumed
    VIEW = 2  # the op only makes a view: its outputs were not digested
    UNDEFINED = 4  # the op's output is undefined memory: it was not digested
    READS_UNDEFINED = (
        8  # an input lies in memory that event number `aux` allocated and nothing has filled since
    )
    # content that came from outside PyTorch (a list, NumPy): the op has outputs and no inputs
    BIRTH = 16
    RAISED = 32  # the op raised an exception
    # a tensor of this event could not be digested (fake, under graph capture, unknown subclass)
    UNDIGESTED = 64
    KEPT = 128  # values.safetensors holds tensors of this event
    PINNED = 512  # the op's outputs were replaced by those of a reference run
    OUTSIDE_WRITE = (
        256  # an input changed since event number `aux` made it, and no recorded op wrote it
    )
    RACED = 16384  # an input that the op does not write changed while it ran
    INTERMEDIATE = 2048  # a module's output that autograd goes on from: what comes of it decides
    REPLAYED = 4096  # the call was made again on the same inputs
    REPLAY_DIFFERED = 8192  # and gave another result
    # a random op that drew from a generator it was given, not from its device's default one
    OWN_GENERATOR = 1024


class OutcomeKind(str, Enum):
    RUNNING = "running"  # only in a trace whose process is alive or was killed before it could say
    COMPLETED = "completed"  # the program reached its end
    STOPPED = "stopped"  # the recorder stopped it after the requested number of steps
    EXITED = "exited"  # sys.exit or os._exit with a code that is not 0
    RAISED = "raised"  # an uncaught exception
    KILLED = "killed"  # a signal
    TIMED_OUT = "timed-out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended. `detail` is one line (exception type and message, signal name)."""

    kind: OutcomeKind
    code: int | None = None
    detail: str = ""

    @property
    def is_success(self) -> bool:
        return self.kind in (OutcomeKind.COMPLETED, OutcomeKind.STOPPED)


@dataclass(frozen=True, slots=True)
class Location:
    """A line of the user's own code. `path` is relative to the subject's folder where it lies
    inside it."""

    path: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" + (f" in {self.function}" if self.function else "")


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Something that was not compared, and why. Reaches every report."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """A determinism setting that the program itself changed while it ran."""

    what: str
    before: str
    after: str
    location: Location | None = None
