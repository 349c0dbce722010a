"""Interventions in what the outside world gives to a program: seeds, order, files, the clock."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.config.settings import Settings
from reproaudit.knowledge.traits import (
    AddArguments,
    Clue,
    FixHash,
    FixSeed,
    Intervention,
    JoinThreads,
    Part,
    RenameCalls,
    SeedTasks,
    SetKeyword,
    SortCalls,
    SortIterated,
    UnwrapCalls,
    rank_first,
    rank_seedings,
)
from reproaudit.model.cause import Cause
from reproaudit.trace.words import SEEDINGS

SEED = 0  # of everything that an intervention seeds
_GENERATORS = ("default_rng", "SeedSequence", "PCG64", "MT19937", "Philox", "SFC64")


def _seed_bare(functions: Sequence[str]) -> RenameCalls:
    """Return the edit that gives a seed to generators that are made without one."""
    names = {name: name for name in functions}
    return RenameCalls(names, arguments=str(SEED), only_bare=True, everywhere=True)


_POLARS_ORDERS = (
    "polars.DataFrame.group_by",
    "polars.LazyFrame.group_by",
    "polars.DataFrame.unique",
    "polars.LazyFrame.unique",
)
_POLARS_ARGUMENTS = {
    "sample": ("seed", "0"),
    "shuffle": ("seed", "0"),
    "group_by": ("maintain_order", "True"),
    "unique": ("maintain_order", "True"),
}
# A seed of 0 counts as false, and then there is none.
_NO_FALSE_SEED = FixSeed((" or None",), value=str(SEED))
_CHECKSUM = "# zlib.crc32(repr(value).encode()), or hashlib, in the place of hash(value)"
_SEED_CALL = RenameCalls({"seed": "seed"}, arguments=str(SEED), only_bare=True)

_NO_SHARED_CURSOR = (
    "DataLoader(..., num_workers=0)  # or read by index, or by get_worker_info().id: workers come "
    "to a shared cursor by chance"
)

# Neighbours are alike; where evidence ranks two the same, the first is tried first.
TABLE: tuple[Intervention, ...] = (
    Intervention(
        id="seed.python",
        what="Python's random module starts from a fixed seed, and so does Random() without one",
        causes=(Cause.UNSEEDED_RNG, Cause.EXTERNAL_LIBRARY, Cause.WORKER_SEED),
        acts_on=Part.SEEDS,
        repair="python_seeds",
        calls=rank_first("random.", "random.seed", "random.Random") | {"torch.manual_seed": 5},
        streams=("python",),
        patch=("import random", "random.seed(0)"),
        at_start=True,
        edits=(_seed_bare(["Random"]), _SEED_CALL, _NO_FALSE_SEED),
        holds_still=True,
    ),
    Intervention(
        id="seed.numpy",
        what=(
            "NumPy's legacy generator starts from a fixed seed, and so does RandomState() without "
            "one"
        ),
        causes=(Cause.UNSEEDED_RNG, Cause.EXTERNAL_LIBRARY, Cause.WORKER_SEED),
        acts_on=Part.SEEDS,
        repair="numpy_seeds",
        calls=rank_first("numpy.random", "numpy.random.seed", "numpy.random.RandomState")
        # RandomState() without a seed asks as new generators do.
        | {"numpy.random.SeedSequence": 2, "torch.manual_seed": 6},
        streams=("numpy",),
        patch=("import numpy", "numpy.random.seed(0)"),
        at_start=True,
        edits=(_seed_bare(["RandomState"]), _SEED_CALL, _NO_FALSE_SEED),
        holds_still=True,
    ),
    Intervention(
        id="seed.numpy_generators",
        what="numpy.random.default_rng() and bit generators without a seed get a fixed one",
        causes=(Cause.UNSEEDED_RNG, Cause.EXTERNAL_LIBRARY, Cause.WORKER_SEED),
        acts_on=Part.SEEDS,
        repair="numpy_generators",
        calls=rank_first(
            "numpy.random.default_rng", "numpy.random.SeedSequence", "numpy.random.PCG64"
        ),
        patch=("rng = numpy.random.default_rng(0)",),
        edits=(_seed_bare(_GENERATORS), _NO_FALSE_SEED),
        holds_still=True,
    ),
    Intervention(
        id="seed.torch",
        what="torch's default generators start from a fixed seed",
        causes=(Cause.UNSEEDED_RNG,),
        acts_on=Part.SEEDS,
        repair="torch_seeds",
        clues={Clue.DEFAULT_GENERATOR: 1, Clue.OWN_GENERATOR: 2},
        streams=("torch.cpu", "torch.cuda:"),
        patch=("import torch", "torch.manual_seed(0)"),
        at_start=True,
        holds_still=True,
    ),
    Intervention(
        id="seed.torch_generators",
        what="torch.seed() and torch.Generator.seed() give a fixed seed",
        causes=(Cause.UNSEEDED_RNG, Cause.DATA_ORDER),
        acts_on=Part.SEEDS,
        repair="torch_generators",
        calls=rank_first("torch.seed", "torch.Generator.seed"),
        clues={Clue.OWN_GENERATOR: 1, Clue.DEFAULT_GENERATOR: 2},
        patch=("generator.manual_seed(0)  # instead of .seed()",),
        edits=(RenameCalls({"seed": "manual_seed"}, arguments="0", only_bare=True),),
        holds_still=True,
    ),
    Intervention(
        id="entropy.fixed",
        what="os.urandom, uuid, secrets, SystemRandom and process ids give fixed values",
        causes=(Cause.UNSEEDED_RNG, Cause.WORKER_SEED, Cause.EXTERNAL_LIBRARY),
        acts_on=Part.ENTROPY,
        repair="entropy",
        calls=dict.fromkeys(
            ("random.SystemRandom", "os.urandom", "os.getpid", "os.getppid", "uuid.", "secrets."), 1
        )
        | rank_seedings(2),
        clues={Clue.WORKER_SURROUNDINGS: 2},
        patch=("# a constant in place of what the operating system gives anew to each process",),
        advice_for={
            "random.SystemRandom": "random.Random(0)  # instead of {call}",
            "secrets.": "random.Random(0)  # instead of {call}",
            "uuid.": "# a name made of a counter or of the settings, instead of {call}()",
            "os.getp": "0  # or the rank, instead of {call}()",
            "os.urandom": "# a constant, or bytes from random.Random(0), instead of {call}()",
            "torch.manual_seed": "torch.manual_seed(0)  # a constant, not what differs",
        },
        edits=(
            RenameCalls({"SystemRandom": "Random"}, str(SEED), only_bare=True, everywhere=True),
            FixSeed(("urandom", "uuid", "getpid", "getppid", "secrets", "SystemRandom")),
        ),
        holds_still=True,
        is_harsh=True,
    ),
    Intervention(
        id="workers.seed",
        what=(
            "DataLoader workers, forked children and joblib's tasks are seeded from the loader's "
            "seed and their number"
        ),
        causes=(Cause.WORKER_SEED,),
        acts_on=Part.WORKERS,
        repair="workers",
        clues={Clue.WORKER_SEED: 1},
        patch=(
            "def seed_worker(worker_id):",
            "    seed = torch.initial_seed() % 2**32",
            "    random.seed(seed)",
            "    numpy.random.seed(seed)",
            "DataLoader(..., worker_init_fn=seed_worker)",
        ),
        advice_at={
            "delayed(": (
                "delayed(task)(..., seed) for seed in range(n)  # and in the task "
                "numpy.random.default_rng(seed)"
            )
        },
        edits=(
            SeedTasks(),
            FixSeed(("time", "getpid", "urandom", "uuid"), value="torch.initial_seed() % 2**32"),
        ),
    ),
    Intervention(
        id="workers.none",
        what="DataLoaders load in the main process",
        causes=(Cause.WORKER_SEED, Cause.DATA_ORDER),
        acts_on=Part.WORKERS,
        repair="no_workers",
        calls={"torch.utils.data.DataLoader": 2, "multiprocessing.": 3, "multiprocessing.Lock": 1},
        clues={Clue.WORKER_SURROUNDINGS: 3},
        patch=("DataLoader(..., num_workers=0)",),
        advice_for={"multiprocessing.Lock": _NO_SHARED_CURSOR},
        edits=(SetKeyword("num_workers", "0", everywhere_in=("DataLoader",)),),
        is_last_resort=True,
    ),
    Intervention(
        id="order.arrival",
        what=(
            "results of pools, futures and DataLoader workers are taken in the order of submission"
        ),
        causes=(Cause.DATA_ORDER,),
        acts_on=Part.ORDER,
        repair="arrivals",
        calls=rank_first(
            "concurrent.futures", "multiprocessing.", "asyncio.", "torch.utils.data.DataLoader"
        )
        | {"asyncio.wait": 2, "multiprocessing.Lock": 3},
        patch=(
            (
                "pool.imap(...)  # not imap_unordered; iterate over the futures themselves, not "
                "as_completed;"
            ),
            "DataLoader(..., in_order=True)",
        ),
        advice_for={
            "concurrent.futures": "for future in futures:  # as submitted, instead of {call}()",
            "multiprocessing.": "pool.imap(...)  # instead of imap_unordered",
            "asyncio.": "await asyncio.gather(*tasks)  # in the order of the tasks",
            "torch.utils.data.DataLoader": "DataLoader(..., in_order=True)",
        },
        edits=(
            SetKeyword("in_order", "True"),
            RenameCalls({"imap_unordered": "imap"}, everywhere=True),
            UnwrapCalls(("as_completed",)),
        ),
    ),
    Intervention(
        id="threads.serial",
        what="threads and processes that the program starts, and tasks of pools, run one by one",
        causes=(Cause.THREAD_RACE, Cause.DATA_ORDER, Cause.RNG_ORDER),
        acts_on=Part.ORDER,
        repair="serial_threads",
        calls={
            "queue.": 1,
            "concurrent.futures": 2,
            "multiprocessing.": 2,
            "os.path.get": 2,
            "os.stat": 2,
        },
        clues={Clue.DRAWS_REORDERED: 1, Clue.OTHER_THREADS: 1},
        patch=("thread.start(); thread.join()  # one at a time: a lock alone keeps no order",),
        edits=(JoinThreads(),),
        is_broad=True,
        is_harsh=True,
    ),
    Intervention(
        id="hash.seed",
        what="Python's string hashes are fixed",
        causes=(Cause.HASH_ORDER,),
        acts_on=Part.HASHES,
        changes=Settings(hash_seed=SEED),
        calls=rank_seedings(3) | {"hash": 1},
        advice_for=dict.fromkeys((*SEEDINGS, "hash"), _CHECKSUM),
        clues={Clue.RANDOM_HASHES: 1, Clue.DRAWS_REORDERED: 2},
        patch=("for item in sorted(the_set):  # or start with PYTHONHASHSEED=0",),
        edits=(FixHash(), SortIterated()),
        holds_still=True,
    ),
    Intervention(
        id="files.sorted",
        what="directory listings are sorted by name, and file times are constant",
        causes=(Cause.FILESYSTEM_ORDER, Cause.DATA_ORDER),
        acts_on=Part.FILES,
        repair="files",
        calls=dict.fromkeys(
            ("os.listdir", "os.scandir", "os.path.get", "os.stat", "glob.", "pathlib."), 1
        ),
        patch=("sorted(os.listdir(folder))  # by name, not by time",),
        advice_for={
            "os.path.get": "sorted(paths)  # by name, not by what {call}() says",
            "os.stat": "sorted(paths)  # by name, not by what {call}() says",
            "glob.": "sorted({call}(...))",
            "pathlib.": "sorted({call}(...))",
            "os.listdir": "sorted(os.listdir(folder))",
            "os.scandir": "sorted(os.listdir(folder))  # instead of os.scandir()",
        },
        edits=(
            SetKeyword("key", "None", only_if=("getmtime", "getctime", "st_mtime", "st_ctime")),
            SortCalls(("listdir", "glob", "iglob", "iterdir", "rglob")),
        ),
        holds_still=True,
    ),
    Intervention(
        id="files.fresh",
        what="each run starts with the files that were there before the audit",
        causes=(Cause.CARRIED_STATE,),
        acts_on=Part.FILES,
        calls=rank_first(
            "os.path.exists", "os.path.isfile", "os.path.isdir", "pathlib.Path.exists"
        ),
        patch=(
            (
                "folder = tempfile.mkdtemp()  # a new output folder per run, or an explicit "
                "--resume option"
            ),
        ),
        is_last_resort=True,
        needs_fresh_process="files.fresh",
        fresh_files=True,
    ),
    Intervention(
        id="clock.fixed",
        what="the program's own clock calls show a clock that ticks once per call",
        causes=(Cause.CLOCK, Cause.UNSEEDED_RNG, Cause.WORKER_SEED),
        acts_on=Part.CLOCK,
        repair="clocks",
        calls=rank_first("time.", "datetime.") | rank_seedings(2) | {"torch.manual_seed": 1},
        clues={Clue.WORKER_SURROUNDINGS: 1, Clue.DRAWS_REORDERED: 4},
        patch=("now = FIXED_TIME  # a constant, or count steps instead of seconds",),
        advice_for={
            "torch.manual_seed": "torch.manual_seed(0)  # a constant, not the time",
            "time.": "# a constant, or a count of steps, in the place of {call}()",
            "datetime.": "# a constant in the place of {call}()",
        },
        edits=(FixSeed(("time", "datetime")),),
        holds_still=True,
        is_harsh=True,
    ),
    Intervention(
        id="sqlite.random",
        what="RANDOM() in SQLite draws from a fixed seed",
        causes=(Cause.EXTERNAL_LIBRARY, Cause.DATA_ORDER),
        acts_on=Part.DATABASE,
        repair="sqlite",
        calls=rank_first("sqlite3"),
        patch=("ORDER BY id  # and shuffle with a seeded generator",),
        holds_still=True,
    ),
    Intervention(
        id="polars.fixed",
        what="polars draws from a fixed seed, and keeps the order of rows in group_by and unique",
        causes=(Cause.EXTERNAL_LIBRARY,),
        acts_on=Part.DATABASE,
        repair="polars_orders",
        calls=rank_first("polars."),
        patch=("polars.set_random_seed(0)  # and maintain_order=True in group_by and unique",),
        advice_for=dict.fromkeys(_POLARS_ORDERS, "{call}(..., maintain_order=True)"),
        edits=(AddArguments(_POLARS_ARGUMENTS),),
        holds_still=True,
    ),
)
