"""Names that two layers share: who writes them and who reads them may not import each other.

Standard library and model only, so that every layer can import it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, IntEnum

from reproaudit.model.events import EventKind, LibraryCall

# -- files and folders of a run

# The steps flushed so far as ASCII, for whoever waits for the run. Not part of the trace.
PROGRESS_FILE = "progress"
# Whoever waits for the run leaves it there where the program is to be stopped after a step. That it
# may be left is said in the plan's extra.
STOP_FILE = "stop"
MAY_BE_STOPPED = "may-be-stopped"
# Random streams that a run hands over to another one, beside its trace.
STREAMS_FILE = "streams.json"
# Where the kernel of a notebook is reached, beside the folder of the trace.
CONNECTION_SUFFIX = ".kernel.json"
CHILD_PREFIX = "child-"  # what the folders of the traces of child processes begin with
# A kept call, which the recorder leaves beside the trace and a reproducer is made of.
CALL_FOLDER_PREFIX = "call-"
CALL_FILE = "call.json"
INPUTS_FILE = "inputs.safetensors"
CALL_FORMAT = 1

# In the folder of a run: a file for each process that was entered.
PROCESSES_FOLDER = "processes"

# -- how the recorder ends where it fails itself: os.EX_USAGE, os.EX_SOFTWARE (not on Windows)

EXIT_USAGE = 64
EXIT_SOFTWARE = 70

# -- names of events

# The variable, and the name of the event which says that string hashes are random.
HASH_SEED = "PYTHONHASHSEED"
# Calls that may be given a seed which the program makes itself, of whatever it likes.
SEEDINGS = (
    "torch.manual_seed",
    "torch.Generator.manual_seed",
    "random.seed",
    "random.Random",
    "numpy.random.seed",
    "numpy.random.RandomState",
    "numpy.random.default_rng",
)
# Between the file that was saved and the name of a tensor in it.
SAVED_IN = ": "
# Before the name of a variation, in the environment of a process in which it took hold.
VARIATION_PREFIX = "variation."
# What the names of draws from generators of the program's own begin with.
PYTHON_GENERATOR = "random.Random"
NUMPY_GENERATOR = "numpy.random.Generator"
NUMPY_STATE = "numpy.random.RandomState"
# What had already been made when something was set, besides the classes of objects.
MADE_SEPARATOR = "\n"
MODEL_PREFIX = "model "  # before the class of a model
TORCH_IMPORTED = "torch"
CUDA_CONTEXT = "CUDA context"
STARTED_LOADER = "an epoch of a DataLoader"
SPREAD = "dtensor::"  # before the name of an op on tensors whose parts lie on several ranks
_DEFAULT_OVERLOAD = ".default"
_MESSAGES = ("c10d::", "_c10d_functional::")
LOSS = "loss"  # the output that a backward pass starts from; of several roots "loss[0]" and so on
RETURN = "return"  # what a function returned or yielded
# Calls into the outside world that are recorded per name and line: the first ones show whether a
# stream was equal. Where there are as many, there may have been more.
CALLS_PER_LINE = 64
RAN = ""  # the name of the line event which says that a statement ran
STREAM_PREFIX = "stream:"  # what the names of the draws of a line begin with
EPOCH_PREFIX = "epoch:"  # where a random stream stood when an epoch of a DataLoader began
SHARE_BITS = 32  # below the number of shares of a sampler: which of them it takes
WORKER_PREFIX = "worker:"  # where a random stream of a DataLoader's worker stood
_MOST_DIGITS = 9  # of the number of a rank
FETCH_PREFIX = "fetch:"  # where a random stream stood that fetching a batch then drew from
DRAW_PREFIX = "draw:"  # where the default generator stood that an op then drew from
SEED_PREFIX = "seed:"  # where a random stream stood that the program had just seeded
LATE_SEED_PREFIX = "seed-after-draw:"  # a stream that was seeded after it was drawn from


# Stands in place of a module's class where the program lets ranks end early.
JOIN = "torch.distributed.algorithms.Join"
# What only ranks are compared with each other by.
RANK_KINDS = (EventKind.BUFFER, EventKind.STATE)
OWN_SHARE = "-"  # in place of ranks that hold copies of a tensor: each has a share of its own


def write_ranks(ranks: Iterable[int]) -> str:
    """Return the text that stands for ranks in a trace."""
    return ",".join(map(str, ranks))


def read_ranks(text: str) -> tuple[int, ...]:
    """Return the ranks that the text stands for; none for what stands for none."""
    parts = text.split(",")
    if not all(part.isdecimal() and len(part) < _MOST_DIGITS for part in parts):
        return ()
    return tuple(map(int, parts))


def write_library_call(call: LibraryCall | None) -> str:
    """Return the text that stands for the call in a trace: its names, which hold no space."""
    if call is None:
        return ""
    names = (call.function, call.seeded, call.argument)
    return " ".join(names).rstrip()


def read_library_call(text: str) -> LibraryCall | None:
    """Return the call that the text stands for; None for none, and for one that is damaged."""
    names = text.split(" ")
    if not text or len(names) not in (1, 3):
        return None
    return LibraryCall(*names)


def shorten_op(op: str) -> str:
    """Return the name without a default overload: `aten::mm.default` reads `aten::mm`."""
    return op.removesuffix(_DEFAULT_OVERLOAD)


def is_in_place(op: str) -> bool:
    """Return True for an op that writes what it is given: aten's name of it ends in "_"."""
    base = op.partition(".")[0]
    return base.endswith("_") and not base.endswith("__")


def is_message(op: str) -> bool:
    """Return True for an op that other processes take part in."""
    return op.startswith((*_MESSAGES, SPREAD))


def is_spread(op: str) -> bool:
    """Return True for an op on tensors whose parts lie on several ranks."""
    return op.startswith(SPREAD)


def reduces(op: str) -> bool:
    """Return True for an op that computes with what several processes give it."""
    return op.startswith(_MESSAGES) and "reduce" in op


def is_loss(name: str) -> bool:
    """Return True if an output of this name is a loss."""
    return name == LOSS or name.startswith(f"{LOSS}[")


class ReplayWay(IntEnum):
    """How an op was repeated.

    CONTENTION compares repetitions among themselves: on the CPU at more threads than cores, on a
    GPU while another stream keeps it busy. FLAG: under the determinism flag.
    """

    PLAIN = 0
    CONTENTION = 1
    FLAG = 2


# The piece of state that the order of the epoch under way comes from, where it is drawn.
EPOCH_ORDER = "order of the epoch"
# The piece of state that says which samples a batch is made of, by their numbers.
SAMPLES = "samples"


class StateMoment(IntEnum):
    """When a piece of a training program's state was looked at.

    What it was found to be other than before is what happened since the last look: at PROGRAM the
    program's own code did it, or a library's.
    """

    FORWARD = 1  # the first forward pass of a step, with gradients, is about to begin
    BACKWARD = 2  # so is the first backward pass
    UPDATE = 3  # an optimizer is about to step
    STEP_END = 4  # it has
    PROGRAM = 5
    ITERATOR = 6  # a DataLoader has made an iterator
    WORKERS = 7  # and draws the seeds of workers for it
    FETCH = 8  # it has handed out a batch
    MODULE = 9  # a module that the program calls has returned
    RESTORED = 10  # the program has put a state in its place
    SEEDED = 11  # the program has seeded the stream
    HELD = 12  # a file that the program has just saved holds it
    SAVED = 13  # the program has saved the file that the name tells
    LOADED = 14  # the program has loaded the file that the name tells


class Access(str, Enum):
    """What the program did with a file."""

    READ = "read"
    WRITE = "write"
    APPEND = "append"
    ABSENT = "absent"  # it wanted to read a file that was not there


class LoaderUse(str, Enum):
    """What a watched random stream of a DataLoader is drawn for."""

    SEEDS = ""  # the seeds of workers, and nothing else
    ORDER = "order"  # the order of the samples
    ITERABLE = "IterableDataset"  # the samples of an iterable dataset, in a worker
    MAP = "Dataset"  # the samples of any other dataset, in a worker


class WorkerMoment(str, Enum):
    """When the state of a worker's stream was recorded."""

    BEFORE = "before"  # before its first batch
    AFTER = "after"  # after the first batch that drew from the stream
    LATER = "later"  # after a later batch that drew from it
