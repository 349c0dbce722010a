"""The tables of causes and of warnings: what each is, how it is told, and what to do about it.

A cause is one entry here, beside its name in `model.cause.Cause`, which is the closed list.
"""

from __future__ import annotations

from reproaudit.knowledge.batch_rules import BATCH_RULES
from reproaudit.knowledge.resume_rules import RESUME_RULES
from reproaudit.knowledge.seed_rules import SEED_RULES
from reproaudit.knowledge.traits import Rule as Rule
from reproaudit.knowledge.vary_rules import VARY_RULES
from reproaudit.knowledge.warning_rules import WARNING_RULES
from reproaudit.model.cause import Cause

_NOTES = "PyTorch notes: Reproducibility"
_FLAG = "PyTorch docs: torch.use_deterministic_algorithms"
_WORKERS = "PyTorch docs: torch.utils.data, Randomness in Multi-process Data Loading"

_CAUSES = (
    Rule(
        id="RA101",
        cause=Cause.UNSEEDED_RNG,
        title="a random generator starts from another state in each run",
        advice="seed the generator once, before its first draw",
        explanation=(
            "Python's random, NumPy's generators and torch's take their first state from the "
            "operating system unless they are given a seed. torch.manual_seed seeds torch's "
            "default generators and no other library; numpy.random.seed does not reach "
            "default_rng(), and a seed made of the time or a process id is none. The state "
            "that an operator consumed is recorded: it differs between runs while the "
            "operator's other inputs are equal. A seed set after the model was built does not "
            "repair the weights that were drawn before it."
        ),
        references=(_NOTES, "NumPy docs: numpy.random.default_rng"),
        is_of_stream=True,
    ),
    Rule(
        id="RA102",
        cause=Cause.RNG_ORDER,
        title="draws from one random stream happen in another order or number",
        advice="give each consumer a generator of its own",
        explanation=(
            "The stream starts alike in each run, and then its consumers take turns "
            "differently: threads that share the default generator, a branch on something "
            "that varies, a loop over a set, a draw more in one run. From there on every "
            "consumer gets numbers that were meant for another. Earlier draws from the stream "
            "are equal, later ones start from different states, or one run draws where the "
            "other does not. Seeding again does not repair it: the order of the draws has to "
            "be fixed, or each consumer needs its own generator."
        ),
        references=("PyTorch docs: torch.Generator", _NOTES),
        has_exact_line=True,
        is_of_stream=True,
    ),
    Rule(
        id="RA103",
        cause=Cause.WORKER_SEED,
        title="worker processes are seeded differently in each run",
        advice=(
            "derive the seeds of DataLoader workers from torch.initial_seed(); pass a seed to each "
            "job of a pool"
        ),
        explanation=(
            "A DataLoader seeds Python's, NumPy's and torch's global generators in each "
            "worker with a number drawn in the main process plus the worker's own. Generators "
            "made in a worker without a seed, a worker_init_fn that seeds from the clock or "
            "the process id, other libraries and other process pools stay unseeded. It is "
            "told by a call in a worker process that returned something else while the main "
            "process went alike. A seed in the main process alone does not repair it, nor "
            "does a fixed order of batches."
        ),
        references=(_WORKERS, "PyTorch notes: Reproducibility, DataLoader", "PyTorch issue #7882"),
        is_of_stream=True,
    ),
    Rule(
        id="RA201",
        cause=Cause.DATA_ORDER,
        title="the same data arrives in another order",
        advice="restore a fixed order before the data is used",
        explanation=(
            "Results of threads, process pools and asynchronous readers are taken as they "
            "become ready: imap_unordered, as_completed, a queue with several producers, "
            "DataLoader(in_order=False). The batches hold the same samples in another order, "
            "which is how it is told from randomness: as sets they are equal. Seeds do not "
            "repair it, since no generator is involved; a sum or mean over the batch may hide "
            "it until rounding shows it."
        ),
        references=(
            "PyTorch docs: torch.utils.data.DataLoader, in_order",
            "Python docs: concurrent.futures.as_completed",
        ),
    ),
    Rule(
        id="RA202",
        cause=Cause.HASH_ORDER,
        title="the order follows hashes, which differ from run to run",
        advice="sort before iterating, or fix PYTHONHASHSEED before the start",
        explanation=(
            "Python salts the hashes of strings anew in each process, and a set of strings is "
            "iterated in the order of their hashes: vocabularies, label lists and feature "
            "names built through a set change places from run to run. Dictionaries keep the "
            "order of insertion and are safe. It is told by runs with PYTHONHASHSEED fixed "
            "being equal. A number that is made of hash(), as a bucket or a seed, differs "
            "likewise; one of zlib.crc32 or hashlib does not. Setting "
            "os.environ['PYTHONHASHSEED'] inside the program comes too late for its own process. "
            "Objects without a hash of their own, such as modules and tensors, hash by their "
            "address: no hash seed repairs their order, and it is told by "
            "runs with fixed addresses being equal."
        ),
        references=("Python docs: PYTHONHASHSEED", "Python docs: object.__hash__"),
    ),
    Rule(
        id="RA203",
        cause=Cause.FILESYSTEM_ORDER,
        title="the order of directory entries or file times is used",
        advice="sort file names",
        explanation=(
            "os.listdir, os.scandir, glob and pathlib return names in whatever order the file "
            "system keeps them: it differs between machines, after a copy, and when files are "
            "made anew. Sorting by modification time has ties and depends on when files were "
            "unpacked. It is told by a listing, or a file's time, that came out differently "
            "before the data did. A seed does not repair it: a seeded shuffle of another list "
            "is another list."
        ),
        references=("Python docs: os.listdir", "Python docs: glob"),
        calls=("os.listdir", "os.scandir", "os.stat", "os.path.get", "glob.", "pathlib."),
    ),
    Rule(
        id="RA301",
        cause=Cause.CLOCK,
        title="the clock decides a value or a branch",
        advice="use a fixed number of steps or a fixed reference time",
        explanation=(
            "A time budget that ends an epoch, a learning rate that follows elapsed seconds, "
            "a feature made of today's date, a checkpoint every few minutes that draws random "
            "numbers. It is told by a clock call of the program's own code just before the "
            "first difference, and proven by runs under a clock that ticks once per call. No "
            "seed and no deterministic kernel repairs it. A clock that only measures or logs "
            "is no cause."
        ),
        references=("Python docs: time.perf_counter",),
        calls=("time.", "datetime.", "os.times"),
    ),
    Rule(
        id="RA302",
        cause=Cause.EXTERNAL_LIBRARY,
        title="a library outside PyTorch returns different results",
        advice="give that library a seed or a fixed order",
        explanation=(
            "Augmentation, tokenising, graph sampling, simulators and databases bring "
            "generators, threads and hash tables of their own; ORDER BY RANDOM() is one of "
            "them. The content that enters PyTorch differs, and no operator of PyTorch made "
            "it. torch.manual_seed does not reach such a library: look for its seed or "
            "random_state argument, for its number of threads, and for results that it hands "
            "out without a promised order."
        ),
        references=("PyTorch notes: Reproducibility, Random number generators in other libraries",),
        calls=("sqlite3", "subprocess", "polars.", "tokenizers."),
    ),
    Rule(
        id="RA303",
        cause=Cause.CARRIED_STATE,
        title="what an earlier run left behind changes a later one",
        advice="use a fresh output folder per run, or an explicit resume option",
        explanation=(
            "A checkpoint that is resumed when it is found, a cache of preprocessed data, a "
            "file that is appended to, a version_N folder: the first run writes what the "
            "second one reads. It is told by a question for a file's existence that was "
            "answered differently, or by runs that are equal when each starts with the files "
            "as they were. Seeds do not repair it, and later runs may well agree with each "
            "other while the first stands alone."
        ),
        references=("Python docs: tempfile.mkdtemp",),
        calls=("os.path.exists", "os.path.isfile", "os.path.isdir", "pathlib.Path.exists"),
        has_exact_line=True,
    ),
    Rule(
        id="RA401",
        cause=Cause.KERNEL,
        title="the operator returns different results for equal inputs",
        advice=(
            "use a deterministic variant, torch.use_deterministic_algorithms(True), or one thread"
        ),
        explanation=(
            "Threads add floating-point numbers into the same element in whatever order they "
            "come: the backward of an index or embedding, scatter, index_put with accumulate, "
            "bincount with weights. Addition is not associative, so the last bits differ and "
            "training carries them on. It is told by equal input digests and different output "
            "digests, and by repeating the call on its own inputs. Seeds do not repair it. "
            "Some operators have no deterministic form and raise under the flag; on a GPU "
            "cuDNN and cuBLAS have settings of their own."
        ),
        references=(_FLAG, _NOTES, "PyTorch issue #101246"),
    ),
    Rule(
        id="RA406",
        cause=Cause.COLLECTIVE_ORDER,
        title="several processes reduce the same numbers in another order or in other groups",
        advice=(
            "fix what is reduced together, as bucket_cap_mb; with NCCL, start with NCCL_ALGO=Ring"
        ),
        explanation=(
            "A sum over three or more ranks is rounded by the order of its terms, and that "
            "depends on where in a buffer an element lies: gradients in one bucket get other "
            "sums than one by one. A bucket size that follows a clock or free memory, and tensors "
            "that are joined as they become ready, differ from run to run. It is told by all "
            "ranks giving the same, and the result, or the parts that are reduced together, "
            "being others. Runs with other numbers of ranks are not compared: each rank has other "
            "data. gloo repeats its sums for equal buffers. NCCL's Ring and CollNet do, Tree and "
            "NVLS may not; it chooses by message size and machines. Seeds and the determinism "
            "flag do not repair it."
        ),
        references=(
            "PyTorch docs: torch.nn.parallel.DistributedDataParallel, bucket_cap_mb",
            "NVIDIA NCCL docs: Environment Variables, NCCL_ALGO",
        ),
        has_exact_line=True,
    ),
    Rule(
        id="RA402",
        cause=Cause.THREAD_RACE,
        title="threads of the program race for the same tensor",
        advice="let one thread write, or synchronise",
        explanation=(
            "Two threads of the program write one tensor, or one reads while another writes: "
            "Hogwild-style updates, a prefetcher that fills a buffer still in use, NumPy "
            "writing through shared memory. It is told by an operator whose input changed "
            "while it ran, or changed since PyTorch last wrote it with no operator recorded "
            "in between, or by one that writes in place what another thread writes in place, and "
            "whose result differs on equal inputs. On a GPU, two streams, or a stream and the "
            "host, race in the same way where nothing orders them. Deterministic kernels and "
            "seeds do not repair it: each operator is right, their order is not."
        ),
        references=(
            "PyTorch notes: Multiprocessing best practices, Hogwild",
            "PyTorch notes: CUDA semantics, CUDA streams",
            "Python docs: threading.Lock",
        ),
        has_exact_line=True,
    ),
    Rule(
        id="RA403",
        cause=Cause.THREAD_COUNT,
        title="the number of threads differs between runs",
        advice="fix torch.set_num_threads and OMP_NUM_THREADS",
        explanation=(
            "A sum is split among threads, and another number of threads splits it elsewhere, "
            "so that the rounding differs though every operator is deterministic. The number "
            "follows the cores of the machine, the limits of a container, or a choice of the "
            "program's own. It is told by the program setting it differently in the two runs. "
            "Seeds and the determinism flag do not repair it."
        ),
        references=("PyTorch docs: CPU threading and TorchScript inference", _NOTES),
    ),
    Rule(
        id="RA404",
        cause=Cause.UNINITIALIZED_MEMORY,
        title="memory that nothing has written is read",
        advice="initialise it: torch.zeros, nn.init, or a full overwrite",
        explanation=(
            "torch.empty, new_empty, empty_like and the legacy torch.Tensor(3, 4) return "
            "whatever lies in memory; a parameter made of it without an initialisation, or a "
            "buffer filled in part, is read later. Often it is all zeros and goes unnoticed. "
            "It is told by an operator that reads memory which no recorded operator has "
            "filled. Seeds do not repair it. The determinism flag fills such memory with NaN "
            "or a maximal value, which makes the runs equal and the result wrong: write the "
            "memory instead."
        ),
        references=(
            "PyTorch docs: torch.empty",
            "PyTorch docs: torch.utils.deterministic.fill_uninitialized_memory",
        ),
    ),
    Rule(
        id="RA405",
        cause=Cause.HARDWARE,
        title="the hardware or its libraries differ",
        advice="compare on one kind of machine",
        explanation=(
            "Kernels are chosen by the instruction set of the processor, the generation of "
            "the GPU, the version of cuDNN, cuBLAS or oneDNN, and whether TF32 is allowed: "
            "another choice rounds differently. The environment that is recorded with each "
            "run names versions, processor and GPU: look there. PyTorch does not promise "
            "equal results across releases, commits or platforms, so no setting repairs it; "
            "compare within a tolerance instead."
        ),
        references=(_NOTES, "PyTorch notes: Numerical accuracy"),
        calls=("platform.", "socket."),
    ),
    Rule(
        id="RA999",
        cause=Cause.UNKNOWN,
        title="the difference is located but its cause is not established",
        advice="look at the named line, and at what it reads from outside PyTorch",
        explanation=(
            "The first line at which the runs differ is known, and neither a recorded call "
            "nor a trial of the known interventions accounts for it. Extension code, memory "
            "written by another library, subprocesses, network replies and devices that are "
            "not recorded come in here. The evidence and the trials that were made say what "
            "was ruled out. More steps or more runs seldom help: look at what the named line "
            "reads."
        ),
        references=("PyTorch issue #101246",),
    ),
)

RULES: dict[Cause, Rule] = {rule.cause: rule for rule in _CAUSES if rule.cause is not None}
WARNINGS: dict[str, Rule] = {rule.id: rule for rule in WARNING_RULES}
# Of findings that only one question brings out: they have a rule beside that of their cause.
QUESTION_RULES: dict[str, Rule] = {
    rule.id: rule for rule in (*VARY_RULES, *BATCH_RULES, *RESUME_RULES, *SEED_RULES)
}
# Every rule by its id, in the order of the tables.
ALL_RULES: dict[str, Rule] = {
    rule.id: rule for rule in (*RULES.values(), *WARNINGS.values(), *QUESTION_RULES.values())
}


def find_cause_of_call(name: str) -> Cause | None:
    """Return the cause that a differing call into the outside world shows by itself; None if none.

    The longest start of the name that the table holds counts.
    """
    found: Cause | None = None
    longest = ""
    for cause, rule in RULES.items():
        for start in rule.calls:
            if name.startswith(start) and len(start) > len(longest):
                longest = start
                found = cause
    return found
