"""What can happen in a run, and how a run ends: kinds, phases, flags, places. Standard library
only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag
from typing import ClassVar


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
    SAVED = 12  # a tensor of what the program saves
    FINAL = 13  # a parameter or buffer as the program leaves it
    # Only where several ranks train together, to compare these with each other:
    REPLICA = 14  # a module that DistributedDataParallel keeps equal on several ranks
    BUFFER = 15  # a buffer when an optimizer steps
    STATE = 16  # what an optimizer finds when it steps: its own state; at first also parameters.
    # In the phase of initialisation, without ranks: what a loop that is watched begins with.
    # Only where the plan asks for it, to compare a resumed run with an uninterrupted one:
    PIECE = 17  # a piece of what a training program needs to go on, where it has changed
    SETTING = 18  # a seed or a determinism flag was set; only where a plan asks for it


class Phase(IntEnum):
    DATA = 0
    FORWARD = 1
    BACKWARD = 2
    OPTIMIZER = 3
    INITIALISATION = 4  # before the first step: what the program then trains is made


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
        # an input changed since event number `aux` made it, and no recorded op wrote it; or the op
        # of that number, in another thread, was the last to write it; of a line: the NumPy array
        # in this variable was written in place
        256
    )
    # something else wrote what the op works on while it ran: an input that it does not write
    # changed, or all repetitions of the call agree and differ from it
    RACED = 16384
    INTERMEDIATE = 2048  # a module's output that autograd goes on from: what comes of it decides
    REPLAYED = 4096  # the call was made again on the same inputs
    REPLAY_DIFFERED = 8192  # and gave another result
    # a random op that drew from a generator it was given, not from its device's default one
    OWN_GENERATOR = 1024
    # of an op: another thread was the last to draw from the generator that it was given. It shares
    # the bit of INTERMEDIATE, which ops do not have: all 16 of the field are taken
    IN_TURNS = 2048
    INITIAL = 32768  # the op made what became a parameter or a buffer, before the first step


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

    @property
    def ending(self) -> tuple[OutcomeKind, int | None]:
        """By which two ends are compared: the detail may be another one in each run."""
        return self.kind, self.code


CodeLine = tuple[str, int, int]  # path, line, and cell of a notebook or 0


@dataclass(frozen=True, slots=True)
class Location:
    """A line of the user's own code. `path` is relative to the subject's folder where it lies
    inside it.

    In a notebook, `line` is counted within the cell. `cell` is the number of the cell among those
    that hold code, from 1 on; 0 for what is no notebook.
    """

    path: str
    line: int
    function: str = ""
    cell: int = 0

    OMITS_DEFAULTS: ClassVar[tuple[str, ...]] = ("cell",)

    @property
    def code_line(self) -> CodeLine:
        """What tells the line from all others."""
        return self.path, self.line, self.cell

    @property
    def place(self) -> str:
        """The location without its function."""
        if self.cell:
            return f"{self.path}, cell {self.cell}, line {self.line}"
        return f"{self.path}:{self.line}"

    def __str__(self) -> str:
        is_cell_itself = self.cell and self.function == "<module>"
        if not self.function or is_cell_itself:
            return self.place
        return f"{self.place} in {self.function}"


class Unchecked(str, Enum):
    """Which kind of thing was not checked. Programs read the code, people read the words."""

    # of the recording
    TORCH_NEVER_IMPORTED = "torch-never-imported"
    TORCH_NAME_MISSING = "torch-name-missing"  # a private name that this torch does not have
    OTHER_KERNEL = "other-kernel"  # than the one that a notebook names
    TRACE_NOT_WRITTEN = "trace-not-written"
    TRACE_DAMAGED = "trace-damaged"
    TOO_MANY_NAMES = "too-many-names"
    TOO_MANY_NOTES = "too-many-notes"
    RECORDING_FAILED = "recording-failed"
    NO_ROWS = "no-rows"  # of an answer to a batch: it has not one entry for each row
    NO_BYTES = "no-bytes"  # a tensor that has no bytes to digest, such as a fake one
    COMPILED_REGIONS = "compiled-regions"
    SCRIPTED_REGIONS = "scripted-regions"  # of TorchScript
    SEEN_BY_PROFILES = "seen-by-profiles"  # what the recorder does
    LINES_NOT_FOLLOWED = "lines-not-followed"
    STREAMS_UNWATCHED = "streams-unwatched"
    GENERATOR_UNREADABLE = "generator-unreadable"
    FILE_UNREADABLE = "file-unreadable"
    CALL_NOT_KEPT = "call-not-kept"
    PINS_INCOMPLETE = "pins-incomplete"
    GRAPH_CAPTURE = "graph-capture"
    SLICES_NOT_KEPT = "slices-not-kept"  # of what operators read and wrote
    # what a forkserver imports for the children that it forks
    FORKSERVER_IMPORTS = "forkserver-imports"
    FORKED_DEVICE_TENSORS = "forked-device-tensors"
    DEVICE_DIGESTS_FAILED = "device-digests-failed"
    DEVICE_DIGESTS_SLOW = "device-digests-slow"
    # The recorder was found through a variable that a program may look at.
    ENTERED_THROUGH_PATH = "entered-through-path"
    # of the comparison
    IGNORED = "ignored"  # a pattern of the user's names it
    THREADS_STOPPED = "threads-stopped"
    VALUES_NOT_KEPT = "values-not-kept"
    ENVIRONMENT_DIFFERS = "environment-differs"
    SAME_PROCESS = "same-process"  # what differs between processes only
    RANKS_ABSENT = "ranks-absent"  # they trained elsewhere, or left no trace
    RANKS_NOT_COMPARED = "ranks-not-compared"  # with each other, in what they draw and are given
    # of the audit
    AUDIT_ENDED = "audit-ended"  # it was interrupted, or a run did not end
    FILES_SHARED = "files-shared"  # of runs that were to have files of their own
    RUNS_SIDE_BY_SIDE = "runs-side-by-side"  # each on a share of the machine, or on another one
    RUN_REMADE = "run-remade"  # where it was made first is gone
    OTHER_HARDWARE = "other-hardware"  # a variation, no witness of irreproducibility
    # of the diagnosis
    DIAGNOSIS_ENDED = "diagnosis-ended"
    OPERATOR_NOT_LOCATED = "operator-not-located"
    RUNS_ENDED_EARLY = "runs-ended-early"
    REFUSALS_NOT_LOOKED_FOR = "refusals-not-looked-for"
    REFUSALS_CUT_SHORT = "refusals-cut-short"
    NO_REPRODUCER = "no-reproducer"
    NOT_PROVEN = "not-proven"
    BATCHES_UNSEEN = "batches-unseen"  # of a server
    SEED_USE_UNKNOWN = "seed-use-unknown"  # what depends on a seed besides what is drawn
    # of the gate
    SUBJECT_FAILED = "subject-failed"


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Something that was not compared, and why. Reaches every report."""

    code: Unchecked
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class ProgramWarning:
    """Something that was hardly meant, whether runs are equal or not.

    `rule` is an id of the table of rules, None for what no rule explains. `location` is the line
    to look at, `others` are further lines that `message` names.
    """

    message: str
    rule: str | None = None
    location: Location | None = None
    others: tuple[Location, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A determinism setting that the program itself changed while it ran."""

    what: str
    before: str
    after: str
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class LibraryCall:
    """A function of an installed library that the program called, and below which it asked for
    something that differs.

    `seeded` is a function or a class that takes a seed as its `argument` and was given none; both
    "" where none is known.
    """

    function: str
    seeded: str = ""
    argument: str = ""
