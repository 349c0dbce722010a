"""What may depend on a variation: documented, or a bug, or not known.

A dependence is expected only where documentation says that the operator may depend on what was
varied. What ought not to reach a tensor at all is a bug, wherever it does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reproaudit.knowledge.factor_causes import is_programs_own
from reproaudit.knowledge.op_families import (
    is_batch_norm,
    is_draw,
    is_function_of_elements,
    is_function_of_one_element,
    is_index_put,
    is_sum,
    is_sum_within_rows,
)
from reproaudit.model.cause import Cause
from reproaudit.model.question import Dependence

Judgement = tuple[Dependence, str, str]  # why, and where it is documented

_ACCURACY = "PyTorch notes: Numerical accuracy"
_SLICES = "PyTorch notes: Numerical accuracy, Batched computations or slice computations"
_REPRODUCIBILITY = "PyTorch notes: Reproducibility"
_TF32 = "PyTorch notes: CUDA semantics, TensorFloat-32 (TF32)"
_MKL = "oneMKL developer guide: Reproducibility Conditions"
_ISA = "oneDNN developer guide: CPU Dispatcher Control"
_WORKERS = "PyTorch docs: torch.utils.data, Randomness in Multi-process Data Loading"
_ITERABLE = "PyTorch docs: torch.utils.data.IterableDataset"
_COMPILE = "PyTorch docs: torch.compile"
_LAST = "PyTorch tutorial: Channels Last Memory Format"
_OPTIMIZERS = "PyTorch docs: torch.optim, foreach and fused implementations"
_DDP = "PyTorch docs: DistributedDataParallel, bucket_cap_mb"
_HASH = "Python docs: PYTHONHASHSEED"
_LISTDIR = "Python docs: os.listdir"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is known of a difference that is born under one of `variations`.

    `origins`: how it is born, as `compare.localise.Origin` has it; none: however. `ops`: tells of
    an operator whether it is one of those; None: whatever it is. `gradients` tells of others that
    are if they compute a gradient. `causes` likewise. `why` is one sentence without its full stop.
    """

    variations: tuple[str, ...]
    dependence: Dependence
    why: str
    reference: str = ""
    origins: tuple[str, ...] = ()
    ops: Callable[[str], bool] | None = None
    gradients: Callable[[str], bool] | None = None
    causes: tuple[Cause, ...] = ()

    def fits(
        self,
        variation: str,
        *,
        op: str | None,
        origin: str,
        cause: Cause | None,
        is_gradient: bool,
    ) -> bool:
        if variation not in self.variations:
            return False
        if self.origins and origin not in self.origins:
            return False
        if self.causes and cause not in self.causes:
            return False
        if self.ops is None:
            return True
        if op is None:
            return False
        of_gradient = is_gradient and self.gradients is not None and self.gradients(op)
        return of_gradient or self.ops(op)


_BORN = ("op",)  # equal inputs, another output
_REDUCED = ("op", "reduction", "structure")
_OUTSIDE = ("birth", "input")
_OF_ROWS = ("batch", "batch_split", "place", "padding")
_CPU = ("cpu", "cpu.aten", "cpu.onednn", "cpu.mkl", "cpu.openblas")

_EXPECTED = Dependence.EXPECTED
_BUG = Dependence.BUG
_UNEXPLAINED = Dependence.UNEXPLAINED

_ROUNDING = (
    Expectation(
        variations=("threads",),
        origins=_BORN,
        ops=is_sum,
        gradients=is_index_put,
        dependence=_EXPECTED,
        why="each thread adds up its own part, and with another number of threads the parts are "
        "other ones: the order of the sum changes, and with it the last bits",
        reference=_MKL,
    ),
    Expectation(
        variations=("threads",),
        origins=_BORN,
        ops=is_function_of_elements,
        dependence=_EXPECTED,
        why="each thread's part is computed by vectors and what is left of it one by one: with "
        "another number of threads other elements are left, and the two round differently",
        reference=_ACCURACY,
    ),
    Expectation(
        variations=("threads",),
        origins=_OUTSIDE,
        dependence=_UNEXPLAINED,
        why="numbers that were computed outside PyTorch depend on it: a BLAS shares a product out "
        "among its threads, and whether that is what happens here was not seen",
        reference=_MKL,
    ),
    Expectation(
        variations=_CPU,
        origins=_BORN,
        ops=is_draw,
        dependence=_EXPECTED,
        why="the kernel for other vectors makes other numbers of the same random bits, or uses "
        "them in another order",
        reference=_REPRODUCIBILITY,
    ),
    Expectation(
        variations=_CPU,
        origins=_BORN,
        dependence=_EXPECTED,
        why="a kernel for other vectors adds up in another order and rounds functions differently",
        reference=_ISA,
    ),
    Expectation(
        variations=_CPU,
        origins=_OUTSIDE,
        dependence=_UNEXPLAINED,
        why="numbers that were computed outside PyTorch depend on it: OpenBLAS and NumPy choose "
        "their kernels by the processor, and whether that is what happens here was not seen",
    ),
    Expectation(
        variations=("mkldnn",),
        origins=_REDUCED,
        dependence=_EXPECTED,
        why="without oneDNN another kernel computes it, which adds up in another order",
        reference=_ACCURACY,
    ),
    Expectation(
        variations=("memory_format",),
        origins=_REDUCED,
        dependence=_EXPECTED,
        why="for images in another order of dimensions another kernel is taken, which adds up in "
        "another order",
        reference=_LAST,
    ),
    Expectation(
        variations=("tf32",),
        origins=_REDUCED,
        dependence=_EXPECTED,
        why="TF32 reads 10 bits of the mantissa instead of 23",
        reference=_TF32,
    ),
    Expectation(
        variations=("device",),
        origins=("random",),
        dependence=_EXPECTED,
        why="the generators of both devices give other numbers for one seed: draw on the CPU, and "
        "move what was drawn",
        reference=_REPRODUCIBILITY,
    ),
    Expectation(
        variations=("device",),
        origins=_REDUCED,
        dependence=_EXPECTED,
        why="other kernels compute it, and another generator draws: results of CPU and GPU are not "
        "promised to be equal",
        reference=_REPRODUCIBILITY,
    ),
    Expectation(
        variations=("compile",),
        origins=_REDUCED,
        dependence=_EXPECTED,
        why="compiled kernels are fused: they round where eager ones do not, add up in another "
        "order, and draw random numbers by another generator",
        reference=_COMPILE,
    ),
    Expectation(
        variations=("foreach", "fused"),
        origins=_REDUCED,
        dependence=_EXPECTED,
        why="the other implementation of the optimizer computes the same update in another order",
        reference=_OPTIMIZERS,
    ),
    Expectation(
        variations=("bucket_size",),
        origins=_REDUCED,
        dependence=_EXPECTED,
        why="gradients are reduced together with other ones, and three ranks or more are then "
        "added up in another order",
        reference=_DDP,
    ),
    Expectation(
        variations=("world_size",),
        dependence=_EXPECTED,
        why="with another number of ranks each has another share of the data, and their gradients "
        "are added up in another order",
        reference="PyTorch docs: DistributedSampler",
    ),
    Expectation(
        variations=("torch",),
        origins=_REDUCED,
        dependence=_EXPECTED,
        why="results are not promised to be equal across releases of PyTorch",
        reference=_REPRODUCIBILITY,
    ),
    Expectation(
        variations=_OF_ROWS,
        origins=_REDUCED,
        ops=is_batch_norm,
        dependence=_UNEXPLAINED,
        why="in training mode a batch norm computes its mean over all rows of the batch, and one "
        "row's answer depends on the others; in eval mode it only rounds otherwise",
        reference="PyTorch docs: torch.nn.BatchNorm1d",
    ),
    Expectation(
        variations=_OF_ROWS,
        origins=_REDUCED,
        ops=is_sum_within_rows,
        gradients=is_index_put,
        dependence=_EXPECTED,
        why="for another number of rows another kernel is taken, or the same one shares the work "
        "out otherwise: the order of the sum changes, and with it the last bits",
        reference=_SLICES,
    ),
    Expectation(
        variations=_OF_ROWS,
        origins=_BORN,
        ops=is_function_of_one_element,
        dependence=_EXPECTED,
        why="elements are computed by vectors and what is left of them one by one: with another "
        "number of rows other elements are left, and the two round differently",
        reference=_SLICES,
    ),
)

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
        origins=_BORN,
        ops=is_sum,
        gradients=is_index_put,
        dependence=_EXPECTED,
        why="another kernel computes it, for a flag, a number of threads or how its inputs lie in "
        "memory, and adds up in another order",
        reference=_ACCURACY,
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

_TABLE = (*_ROUNDING, *_LOADING, *_PROGRAMS_OWN, *_NEVER)


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

    `origin` tells how the difference is born: a value of `compare.localise.Origin`. `call` is the
    call into the outside world that brought it in, "" for none.
    `is_gradient`: the operator computes one.
    """
    name = _OWN if is_programs_own(variation) else variation
    for row in _TABLE:
        if row.fits(name, op=op, origin=origin, cause=cause, is_gradient=is_gradient):
            return row.dependence, row.why, row.reference
    what = op or call or "what the program reads"
    return _UNEXPLAINED, f"nothing documents that {what} may depend on {variation}", ""
