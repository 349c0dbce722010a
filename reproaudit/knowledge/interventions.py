"""The table of interventions: changes of settings that each remove one cause, and the lines that do
the same.

An entry with a `module` is applied inside the audited process, by the function `install(reach)` of
that module; it holds against the program's own calls. A new intervention is one entry here and, if
it needs one, one such module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from reproaudit.config.settings import Settings, did_you_mean, merge
from reproaudit.errors import UsageError
from reproaudit.model.result import Cause

_REPAIRS = "reproaudit.record.repairs"
SEED = 0  # of everything that an intervention seeds


@dataclass(frozen=True, slots=True)
class Intervention:
    """One change from outside the program. `settings` is what a run is given; `patch` what the user
    writes instead.

    `causes` are those that it removes. `at_start`: the patch's lines can stand right behind the
    imports. `only_cuda`: without a GPU in use it does nothing. `fresh_files`: each run gets an
    empty temporary folder and a copy of the working folder as it was before the audit.
    """

    id: str
    what: str
    causes: tuple[Cause, ...]
    settings: Settings
    patch: tuple[str, ...]
    module: str = ""
    at_start: bool = False
    only_cuda: bool = False
    fresh_files: bool = False


def _held(name: str, settings: Settings | None = None) -> Settings:
    return merge(settings or Settings(), Settings(interventions=(name,)))


_RNG, _ORDER, _WORKER = Cause.UNSEEDED_RNG, Cause.RNG_ORDER, Cause.WORKER_SEED
_LIBRARY, _DATA, _RACE = Cause.EXTERNAL_LIBRARY, Cause.DATA_ORDER, Cause.THREAD_RACE

INTERVENTIONS: dict[str, Intervention] = {
    entry.id: entry
    for entry in (
        Intervention(
            "seed.python",
            "Python's random module starts from a fixed seed, and so does Random() without one",
            (_RNG, _LIBRARY, _WORKER),
            _held("seed.python"),
            ("import random", "random.seed(0)"),
            f"{_REPAIRS}.python_seeds",
            at_start=True,
        ),
        Intervention(
            "seed.numpy",
            "NumPy's legacy generator starts from a fixed seed, and so does RandomState() without one",
            (_RNG, _LIBRARY, _WORKER),
            _held("seed.numpy"),
            ("import numpy", "numpy.random.seed(0)"),
            f"{_REPAIRS}.numpy_seeds",
            at_start=True,
        ),
        Intervention(
            "seed.numpy_generators",
            "numpy.random.default_rng() and bit generators without a seed get a fixed one",
            (_RNG, _LIBRARY, _WORKER),
            _held("seed.numpy_generators"),
            ("rng = numpy.random.default_rng(0)",),
            f"{_REPAIRS}.numpy_generators",
        ),
        Intervention(
            "seed.torch",
            "torch's default generators start from a fixed seed",
            (_RNG,),
            _held("seed.torch"),
            ("import torch", "torch.manual_seed(0)"),
            f"{_REPAIRS}.torch_seeds",
            at_start=True,
        ),
        Intervention(
            "seed.torch_generators",
            "torch.seed() and torch.Generator.seed() give a fixed seed",
            (_RNG, _DATA),
            _held("seed.torch_generators"),
            ("generator.manual_seed(0)  # instead of .seed()",),
            f"{_REPAIRS}.torch_generators",
        ),
        Intervention(
            "entropy.fixed",
            "os.urandom, uuid, secrets, SystemRandom and process ids give fixed values",
            (_RNG, _WORKER, _LIBRARY),
            _held("entropy.fixed"),
            (
                "rng = random.Random(0)  # instead of os.urandom, uuid4, secrets, SystemRandom, getpid",
            ),
            f"{_REPAIRS}.entropy",
        ),
        Intervention(
            "workers.seed",
            "DataLoader workers and forked children are seeded from the loader's seed and their number",
            (_WORKER,),
            _held("workers.seed"),
            (
                "def seed_worker(worker_id):",
                "    seed = torch.initial_seed() % 2**32",
                "    random.seed(seed)",
                "    numpy.random.seed(seed)",
                "DataLoader(..., worker_init_fn=seed_worker)",
            ),
            f"{_REPAIRS}.workers",
        ),
        Intervention(
            "workers.none",
            "DataLoaders load in the main process",
            (_WORKER, _DATA),
            _held("workers.none"),
            ("DataLoader(..., num_workers=0)",),
            f"{_REPAIRS}.no_workers",
        ),
        Intervention(
            "order.arrival",
            "results of pools, futures and DataLoader workers are taken in the order of submission",
            (_DATA,),
            _held("order.arrival"),
            (
                "pool.imap(...)  # not imap_unordered; iterate over the futures themselves, not as_completed;",
                "DataLoader(..., in_order=True)",
            ),
            f"{_REPAIRS}.arrivals",
        ),
        Intervention(
            "threads.serial",
            "threads and processes that the program starts, and tasks of pools, run one by one",
            (_RACE, _DATA, _ORDER),
            _held("threads.serial"),
            ("thread.start(); thread.join()  # one at a time, or a lock around what they share",),
            f"{_REPAIRS}.serial_threads",
        ),
        Intervention(
            "hash.seed",
            "Python's string hashes are fixed",
            (Cause.HASH_ORDER,),
            Settings(hash_seed=SEED),
            ("for item in sorted(the_set):  # or start with PYTHONHASHSEED=0",),
        ),
        Intervention(
            "files.sorted",
            "directory listings are sorted by name, and file times are constant",
            (Cause.FILESYSTEM_ORDER, _DATA),
            _held("files.sorted"),
            ("sorted(os.listdir(folder))  # by name, not by time",),
            f"{_REPAIRS}.files",
        ),
        Intervention(
            "files.fresh",
            "each run starts with the files that were there before the audit",
            (Cause.CARRIED_STATE,),
            Settings(),
            (
                "folder = tempfile.mkdtemp()  # a new output folder per run, or an explicit --resume option",
            ),
            fresh_files=True,
        ),
        Intervention(
            "clock.fixed",
            "the program's own clock calls show a clock that ticks once per call",
            (Cause.CLOCK, _RNG, _WORKER),
            _held("clock.fixed"),
            ("now = FIXED_TIME  # a constant, or count steps instead of seconds",),
            f"{_REPAIRS}.clocks",
        ),
        Intervention(
            "sqlite.random",
            "RANDOM() in SQLite draws from a fixed seed",
            (_LIBRARY, _DATA),
            _held("sqlite.random"),
            ("ORDER BY id  # and shuffle with a seeded generator",),
            f"{_REPAIRS}.sqlite",
        ),
        Intervention(
            "kernels.deterministic",
            "torch.use_deterministic_algorithms, without its memory fill",
            (Cause.KERNEL,),
            _held("kernels.deterministic", Settings(deterministic="warn")),
            ("import torch", "torch.use_deterministic_algorithms(True)"),
            f"{_REPAIRS}.deterministic",
            at_start=True,
        ),
        Intervention(
            "kernels.cpu",
            "deterministic algorithms, and what has none on the GPU is computed on the CPU",
            (Cause.KERNEL,),
            _held("kernels.cpu", Settings(deterministic="warn", cublas_workspace=":4096:8")),
            ("y = operation(x.cpu()).to(x.device)  # the operation that is named, and no other",),
            f"{_REPAIRS}.cpu_kernels",
            only_cuda=True,
        ),
        Intervention(
            "memory.fill",
            "new memory is filled with zeros",
            (Cause.UNINITIALIZED_MEMORY,),
            _held("memory.fill"),
            ("torch.zeros(...)  # instead of torch.empty(...)",),
            f"{_REPAIRS}.memory_fill",
        ),
        Intervention(
            "threads.one",
            "torch computes with one thread",
            (Cause.KERNEL, Cause.THREAD_COUNT, _RACE),
            _held("threads.one", Settings(threads=1)),
            ("import torch", "torch.set_num_threads(1)"),
            f"{_REPAIRS}.one_thread",
            at_start=True,
        ),
        Intervention(
            "cudnn.benchmark_off",
            "cuDNN does not choose algorithms by timing",
            (Cause.KERNEL, Cause.HARDWARE),
            _held("cudnn.benchmark_off", Settings(cudnn_benchmark=False)),
            ("torch.backends.cudnn.benchmark = False",),
            f"{_REPAIRS}.cudnn_benchmark",
            at_start=True,
            only_cuda=True,
        ),
        Intervention(
            "cudnn.deterministic",
            "cuDNN uses deterministic algorithms",
            (Cause.KERNEL,),
            _held("cudnn.deterministic", Settings(cudnn_deterministic=True)),
            ("torch.backends.cudnn.deterministic = True",),
            f"{_REPAIRS}.cudnn_deterministic",
            only_cuda=True,
        ),
        Intervention(
            "sdpa.math",
            "scaled_dot_product_attention uses plain matrix products, none of its fused kernels",
            (Cause.KERNEL,),
            _held("sdpa.math"),
            (
                "from torch.nn.attention import SDPBackend, sdpa_kernel",
                "with sdpa_kernel(SDPBackend.MATH):  # around the forward pass",
            ),
            f"{_REPAIRS}.math_attention",
            only_cuda=True,
        ),
        Intervention(
            "cublas.workspace",
            "cuBLAS uses one fixed workspace per stream",
            (Cause.KERNEL,),
            Settings(cublas_workspace=":4096:8"),
            ("# start with CUBLAS_WORKSPACE_CONFIG=:4096:8",),
            only_cuda=True,
        ),
        Intervention(
            "tf32.off",
            "matrix products and convolutions do not use TF32",
            (Cause.HARDWARE,),
            _held("tf32.off", Settings(tf32=False)),
            (
                'torch.set_float32_matmul_precision("highest")',
                "torch.backends.cudnn.allow_tf32 = False",
            ),
            f"{_REPAIRS}.no_tf32",
            only_cuda=True,
        ),
        Intervention(
            "copies.blocking",
            "copies between the GPU and pinned memory are finished when the call returns",
            (_RACE,),
            _held("copies.blocking"),
            (
                'x.to("cpu")  # without non_blocking=True, or torch.cuda.synchronize() before the copy is read',
            ),
            f"{_REPAIRS}.blocking_copies",
            only_cuda=True,
        ),
        Intervention(
            "streams.serial",
            "the host waits for the GPU after each operator, so that streams run one after another",
            (_RACE, Cause.KERNEL),
            _held("streams.serial", Settings(env=(("CUDA_LAUNCH_BLOCKING", "1"),))),
            (
                "torch.cuda.current_stream().wait_stream(other)  # before this stream uses what the other one makes",
            ),
            f"{_REPAIRS}.serial_streams",
            only_cuda=True,
        ),
        Intervention(
            "compile.off",
            "torch.compile is switched off",
            (Cause.KERNEL,),
            Settings(env=(("TORCHDYNAMO_DISABLE", "1"),)),
            ("# without torch.compile",),
        ),
    )
}


def find(name: str) -> Intervention:
    """Return the intervention called `name`, or raise UsageError with the nearest names."""
    if name not in INTERVENTIONS:
        raise UsageError(
            f"there is no intervention {name!r}",
            code="intervention-unknown",
            hint=did_you_mean(name, INTERVENTIONS),
        )
    return INTERVENTIONS[name]


def against(causes: Iterable[Cause], *, cuda: bool) -> tuple[str, ...]:
    """Return the ids of all interventions that remove one of the causes, in the order of the table."""
    wanted = set(causes)
    return tuple(
        name
        for name, entry in INTERVENTIONS.items()
        if wanted.intersection(entry.causes) and (cuda or not entry.only_cuda)
    )


def combined(base: Settings, names: Sequence[str]) -> Settings:
    """Return `base` changed by the named interventions. What `base` sets itself and they do not,
    stays."""
    return reduce(merge, (find(name).settings for name in names), base)
