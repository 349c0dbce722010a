"""What may depend on a variation: documented, or a bug, or not known.

A dependence is expected only where documentation says that the operator may depend on what was
varied. What ought not to reach a tensor at all is a bug, wherever it does.
"""

from __future__ import annotations

from reproaudit.knowledge.expectation import ACCURACY, BORN, Expectation
from reproaudit.knowledge.expectations_rounding import ROUNDING
from reproaudit.knowledge.factor_causes import is_programs_own
from reproaudit.knowledge.op_families import is_index_put, is_sum
from reproaudit.model.cause import Cause
from reproaudit.model.question import Dependence

Judgement = tuple[Dependence, str, str]  # why, and where it is documented

_WORKERS = "PyTorch docs: torch.utils.data, Randomness in Multi-process Data Loading"
_ITERABLE = "PyTorch docs: torch.utils.data.IterableDataset"
_HASH = "Python docs: PYTHONHASHSEED"
_LISTDIR = "Python docs: os.listdir"

_EXPECTED = Dependence.EXPECTED
_BUG = Dependence.BUG
_UNEXPLAINED = Dependence.UNEXPLAINED

_LOADING = (
    Expectation(
        variations=("workers",),
        causes=(Cause.WORKER_SEED, Cause.UNSEEDED_RNG, Cause.RNG_ORDER),
        dependence=_EXPECTED,
        why="each worker draws from a seed of its own, the loader's plus the worker's number: with "
        "other workers each sample is drawn for by another stream; seed by the index of the "
        "sample where that must not matter",
        reference=_WORKERS,
    ),
    Expectation(
        variations=("workers",),
        causes=(Cause.DATA_ORDER,),
        dependence=_BUG,
        why="the samples come in another order: share an IterableDataset out among its workers "
        "(get_worker_info), and leave in_order as it is",
        reference=_ITERABLE,
    ),
    Expectation(
        variations=("workers",),
        dependence=_UNEXPLAINED,
        why="other data comes from another number of workers: each worker of an IterableDataset "
        "gives all samples unless they are shared out, and draws from a seed of its own",
        reference=_ITERABLE,
    ),
    Expectation(
        variations=("workers.persistent",),
        dependence=_EXPECTED,
        why="workers that outlive an epoch go on with their streams, others are seeded anew",
        reference=_WORKERS,
    ),
    Expectation(
        variations=("workers.prefetch",),
        dependence=_BUG,
        why="how far workers are ahead ought not to reach a tensor: a sampler or a dataset that "
        "the training loop changes is read too early",
    ),
)

# A variable of the environment or an option that only the program knows.
_OWN = "own"

_PROGRAMS_OWN = (
    Expectation(
        variations=(_OWN,),
        origins=BORN,
        ops=is_sum,
        gradients=is_index_put,
        dependence=_EXPECTED,
        why="another kernel computes it, for a flag, a number of threads or how its inputs lie in "
        "memory, and adds up in another order",
        reference=ACCURACY,
    ),
    Expectation(
        variations=(_OWN,),
        causes=(Cause.RNG_ORDER,),
        dependence=_BUG,
        why="more is drawn from a stream that others draw from: give what draws a generator of its "
        "own, or put the stream back behind it",
        reference="PyTorch docs: torch.Generator",
    ),
    Expectation(
        variations=(_OWN,),
        causes=(Cause.CARRIED_STATE,),
        dependence=_BUG,
        why="other content is put in the place of what a tensor held: save and load tensors by "
        "their bytes",
    ),
)

_NEVER = (
    Expectation(
        variations=("memory", "memory.history"),
        dependence=_BUG,
        why="memory is read that nothing has written: write it first, torch.zeros in the place of "
        "torch.empty",
    ),
    Expectation(
        variations=("hash_seed",),
        dependence=_BUG,
        why="the order of a set of strings, or hash(), reaches a tensor: sort before iterating, or "
        "use zlib.crc32 or hashlib",
        reference=_HASH,
    ),
    Expectation(
        variations=("fileordering",),
        dependence=_BUG,
        why="the order in which the file system lists a folder reaches a tensor: sort what is "
        "listed",
        reference=_LISTDIR,
    ),
    Expectation(
        variations=("time",),
        dependence=_BUG,
        why="the time of day reaches a tensor: pass a date as an argument, seed from a constant",
    ),
    Expectation(
        variations=("timezone",),
        dependence=_BUG,
        why="the local time zone reaches a tensor: give datetime a time zone (timezone.utc)",
        reference="Python docs: datetime, aware and naive objects",
    ),
    Expectation(
        variations=("locales",),
        dependence=_BUG,
        why="the user's language reaches a tensor: name the encoding of files, and read numbers "
        "and sort text without the locale",
        reference="Python docs: locale",
    ),
    Expectation(
        variations=("home",),
        dependence=_BUG,
        why="something below the home folder reaches a tensor: name the file that is read, and its "
        "version",
    ),
    Expectation(
        variations=("path",),
        dependence=_BUG,
        why="PATH reaches a tensor: name the programs that are called",
    ),
    Expectation(
        variations=("environment",),
        dependence=_BUG,
        why="a variable that the program does not know reaches a tensor: do not hash or count "
        "os.environ",
    ),
    Expectation(
        variations=("umask",),
        dependence=_BUG,
        why="the permissions of files reach a tensor, or files that were written are not found",
    ),
    Expectation(
        variations=("load",),
        dependence=_BUG,
        why="how fast things go reaches a tensor: something is taken as it becomes ready, or a "
        "time is measured",
    ),
    Expectation(
        variations=("interop_threads",),
        dependence=_BUG,
        why="which operators run side by side reaches a tensor: they share something that one of "
        "them writes",
    ),
)

_TABLE = (*ROUNDING, *_LOADING, *_PROGRAMS_OWN, *_NEVER)


def list_expectations(variation: str) -> tuple[Expectation, ...]:
    """Return what is known of differences under a variation, in the order in which they count."""
    return tuple(row for row in _TABLE if variation in row.variations)


def judge_dependence(
    variation: str,
    *,
    op: str | None,
    origin: str,
    cause: Cause | None,
    call: str = "",
    is_gradient: bool = False,
) -> Judgement:
    """Return what a dependence is, why, in a sentence without its full stop, and its reference.

    `origin` tells how the difference is born: a value of `comparison.localise.Origin`. `call` is
    the call into the outside world that brought it in, "" for none.
    `is_gradient`: the operator computes one.
    """
    name = _OWN if is_programs_own(variation) else variation
    for row in _TABLE:
        if row.fits(name, op=op, origin=origin, cause=cause, is_gradient=is_gradient):
            return row.dependence, row.why, row.reference
    what = op or call or "what the program reads"
    return _UNEXPLAINED, f"nothing documents that {what} may depend on {variation}", ""
