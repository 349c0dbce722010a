"""The table of causes and of warnings: a stable rule id, a title, advice, and what there is to know
about each."""

from __future__ import annotations

from dataclasses import dataclass

from reproaudit.model.result import Cause


@dataclass(frozen=True, slots=True)
class Rule:
    """`explanation`: how it comes about, how it is told, what does not repair it. `references`:
    where to read more.

    `cause` is None for a warning: the program may be reproducible and does, again and again, what
    was hardly meant.
    """

    id: str
    cause: Cause | None
    title: str
    advice: str
    explanation: str
    references: tuple[str, ...] = ()


_NOTES = "PyTorch notes: Reproducibility"
_FLAG = "PyTorch docs: torch.use_deterministic_algorithms"
_WORKERS = "PyTorch docs: torch.utils.data, Randomness in Multi-process Data Loading"

RULES: dict[Cause, Rule] = {
    rule.cause: rule
    for rule in (
        Rule(
            "RA101",
            Cause.UNSEEDED_RNG,
            "a random generator starts from another state in each run",
            "seed the generator once, before its first draw",
            "Python's random, NumPy's generators and torch's take their first state from the operating system unless "
            "they are given a seed. torch.manual_seed seeds torch's default generators and no other library; "
            "numpy.random.seed does not reach default_rng(), and a seed made of the time or a process id is none. The "
            "state that an operator consumed is recorded: it differs between runs while the operator's other inputs "
            "are equal. A seed set after the model was built does not repair the weights that were drawn before it.",
            (_NOTES, "NumPy docs: numpy.random.default_rng"),
        ),
        Rule(
            "RA102",
            Cause.RNG_ORDER,
            "draws from one random stream happen in another order or number",
            "give each consumer a generator of its own",
            "The stream starts alike in each run, and then its consumers take turns differently: threads that share "
            "the default generator, a branch on something that varies, a loop over a set, a draw more in one run. "
            "From there on every consumer gets numbers that were meant for another. Earlier draws from the stream are "
            "equal, later ones start from different states, or one run draws where the other does not. Seeding again "
            "does not repair it: the order of the draws has to be fixed, or each consumer needs its own generator.",
            ("PyTorch docs: torch.Generator", _NOTES),
        ),
        Rule(
            "RA103",
            Cause.WORKER_SEED,
            "worker processes are seeded differently in each run",
            "derive worker seeds from torch.initial_seed()",
            "A DataLoader seeds Python's, NumPy's and torch's global generators in each worker with a number drawn in "
            "the main process plus the worker's own. Generators made in a worker without a seed, a worker_init_fn "
            "that seeds from the clock or the process id, other libraries and other process pools stay unseeded. It "
            "is told by a call in a worker process that returned something else while the main process went alike. A "
            "seed in the main process alone does not repair it, nor does a fixed order of batches.",
            (_WORKERS, "PyTorch notes: Reproducibility, DataLoader", "PyTorch issue #7882"),
        ),
        Rule(
            "RA201",
            Cause.DATA_ORDER,
            "the same data arrives in another order",
            "restore a fixed order before the data is used",
            "Results of threads, process pools and asynchronous readers are taken as they become ready: "
            "imap_unordered, as_completed, a queue with several producers, DataLoader(in_order=False). The batches "
            "hold the same samples in another order, which is how it is told from randomness: as sets they are equal. "
            "Seeds do not repair it, since no generator is involved; a sum or mean over the batch may hide it until "
            "rounding shows it.",
            (
                "PyTorch docs: torch.utils.data.DataLoader, in_order",
                "Python docs: concurrent.futures.as_completed",
            ),
        ),
        Rule(
            "RA202",
            Cause.HASH_ORDER,
            "the order follows Python's randomised string hashes",
            "sort before iterating, or fix PYTHONHASHSEED before the start",
            "Python salts the hashes of strings anew in each process, and a set of strings is iterated in the order "
            "of their hashes: vocabularies, label lists and feature names built through a set change places from run "
            "to run. Dictionaries keep the order of insertion and are safe. It is told by runs with PYTHONHASHSEED "
            "fixed being equal. Setting os.environ['PYTHONHASHSEED'] inside the program comes too late for its own "
            "process.",
            ("Python docs: PYTHONHASHSEED", "Python docs: object.__hash__"),
        ),
        Rule(
            "RA203",
            Cause.FILESYSTEM_ORDER,
            "the order of directory entries or file times is used",
            "sort file names",
            "os.listdir, os.scandir, glob and pathlib return names in whatever order the file system keeps them: it "
            "differs between machines, after a copy, and when files are made anew. Sorting by modification time has "
            "ties and depends on when files were unpacked. It is told by a listing, or a file's time, that came out "
            "differently before the data did. A seed does not repair it: a seeded shuffle of another list is another "
            "list.",
            ("Python docs: os.listdir", "Python docs: glob"),
        ),
        Rule(
            "RA301",
            Cause.CLOCK,
            "the clock decides a value or a branch",
            "use a fixed number of steps or a fixed reference time",
            "A time budget that ends an epoch, a learning rate that follows elapsed seconds, a feature made of "
            "today's date, a checkpoint every few minutes that draws random numbers. It is told by a clock call of "
            "the program's own code just before the first difference, and proven by runs under a clock that ticks "
            "once per call. No seed and no deterministic kernel repairs it. A clock that only measures or logs is no "
            "cause.",
            ("Python docs: time.perf_counter",),
        ),
        Rule(
            "RA302",
            Cause.EXTERNAL_LIBRARY,
            "a library outside PyTorch returns different results",
            "give that library a seed or a fixed order",
            "Augmentation, tokenising, graph sampling, simulators and databases bring generators, threads and hash "
            "tables of their own; ORDER BY RANDOM() is one of them. The content that enters PyTorch differs, and no "
            "operator of PyTorch made it. torch.manual_seed does not reach such a library: look for its seed or "
            "random_state argument, for its number of threads, and for results that it hands out without a promised "
            "order.",
            ("PyTorch notes: Reproducibility, Random number generators in other libraries",),
        ),
        Rule(
            "RA303",
            Cause.CARRIED_STATE,
            "what an earlier run left behind changes a later one",
            "use a fresh output folder per run, or an explicit resume option",
            "A checkpoint that is resumed when it is found, a cache of preprocessed data, a file that is appended to, "
            "a version_N folder: the first run writes what the second one reads. It is told by a question for a "
            "file's existence that was answered differently, or by runs that are equal when each starts with the "
            "files as they were. Seeds do not repair it, and later runs may well agree with each other while the "
            "first stands alone.",
            ("Python docs: tempfile.mkdtemp",),
        ),
        Rule(
            "RA401",
            Cause.KERNEL,
            "the operator returns different results for equal inputs",
            "use a deterministic variant, torch.use_deterministic_algorithms(True), or one thread",
            "Threads add floating-point numbers into the same element in whatever order they come: the backward of an "
            "index or embedding, scatter, index_put with accumulate, bincount with weights. Addition is not "
            "associative, so the last bits differ and training carries them on. It is told by equal input digests and "
            "different output digests, and by repeating the call on its own inputs. Seeds do not repair it. Some "
            "operators have no deterministic form and raise under the flag; on a GPU cuDNN and cuBLAS have settings "
            "of their own.",
            (_FLAG, _NOTES, "PyTorch issue #101246"),
        ),
        Rule(
            "RA402",
            Cause.THREAD_RACE,
            "threads of the program race for the same tensor",
            "let one thread write, or synchronise",
            "Two threads of the program write one tensor, or one reads while another writes: Hogwild-style updates, a "
            "prefetcher that fills a buffer still in use, NumPy writing through shared memory. It is told by an "
            "operator whose input changed while it ran, or changed since PyTorch last wrote it with no operator "
            "recorded in between. On a GPU, two streams, or a stream and the host, race in the same way where nothing "
            "orders them. Deterministic kernels and seeds do not repair it: each operator is right, their order is "
            "not.",
            (
                "PyTorch notes: Multiprocessing best practices, Hogwild",
                "PyTorch notes: CUDA semantics, CUDA streams",
                "Python docs: threading.Lock",
            ),
        ),
        Rule(
            "RA403",
            Cause.THREAD_COUNT,
            "the number of threads differs between runs",
            "fix torch.set_num_threads and OMP_NUM_THREADS",
            "A sum is split among threads, and another number of threads splits it elsewhere, so that the rounding "
            "differs though every operator is deterministic. The number follows the cores of the machine, the limits "
            "of a container, or a choice of the program's own. It is told by the program setting it differently in "
            "the two runs. Seeds and the determinism flag do not repair it.",
            ("PyTorch docs: CPU threading and TorchScript inference", _NOTES),
        ),
        Rule(
            "RA404",
            Cause.UNINITIALIZED_MEMORY,
            "memory that nothing has written is read",
            "initialise it: torch.zeros, nn.init, or a full overwrite",
            "torch.empty, new_empty, empty_like and the legacy torch.Tensor(3, 4) return whatever lies in memory; a "
            "parameter made of it without an initialisation, or a buffer filled in part, is read later. Often it is "
            "all zeros and goes unnoticed. It is told by an operator that reads memory which no recorded operator has "
            "filled. Seeds do not repair it. The determinism flag fills such memory with NaN or a maximal value, "
            "which makes the runs equal and the result wrong: write the memory instead.",
            (
                "PyTorch docs: torch.empty",
                "PyTorch docs: torch.utils.deterministic.fill_uninitialized_memory",
            ),
        ),
        Rule(
            "RA405",
            Cause.HARDWARE,
            "the hardware or its libraries differ",
            "compare on one kind of machine",
            "Kernels are chosen by the instruction set of the processor, the generation of the GPU, the version of "
            "cuDNN, cuBLAS or oneDNN, and whether TF32 is allowed: another choice rounds differently. The environment "
            "that is recorded with each run names versions, processor and GPU: look there. PyTorch does not promise "
            "equal results across releases, commits or platforms, so no setting repairs it; compare within a "
            "tolerance instead.",
            (_NOTES, "PyTorch notes: Numerical accuracy"),
        ),
        Rule(
            "RA999",
            Cause.UNKNOWN,
            "the difference is located but its cause is not established",
            "look at the named line, and at what it reads from outside PyTorch",
            "The first line at which the runs differ is known, and neither a recorded call nor a trial of the known "
            "interventions accounts for it. Extension code, memory written by another library, subprocesses, network "
            "replies and devices that are not recorded come in here. The evidence and the trials that were made say "
            "what was ruled out. More steps or more runs seldom help: look at what the named line reads.",
            ("PyTorch issue #101246",),
        ),
    )
    if rule.cause is not None
}

WARNINGS: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule(
            "RA501",
            None,
            "workers share one random stream",
            "seed each worker from torch.initial_seed(), which differs from worker to worker",
            "Workers that are forked from one process inherit the state of its generators. A DataLoader reseeds the "
            "global generators of Python, NumPy and torch in each worker, but not a numpy.random.Generator or "
            "random.Random that the dataset holds, and a worker_init_fn that seeds with a constant undoes it. "
            "Augmentations then repeat once per worker. It is told by random states of several workers that are equal "
            "before they draw. Equal runs are no sign that all is well: the program repeats the same mistake each "
            "time.",
            (
                _WORKERS,
                "PyTorch FAQ: My data loader workers return identical random numbers",
                "PyTorch issue #5059",
            ),
        ),
        Rule(
            "RA502",
            None,
            "epochs repeat the same random stream",
            "seed workers from torch.initial_seed(), which changes with each epoch, or keep the generator",
            "Workers are started anew for each epoch unless persistent_workers is set, and a state copied from the "
            "main process, where nothing draws from it, is the same each time. A worker_init_fn that seeds with the "
            "worker's number alone does that too, and so does a seed set inside the epoch loop. Every epoch then sees "
            "the same augmentations or the same shuffle. It is told by random states at the start of epochs that are "
            "equal.",
            (_WORKERS, "PyTorch docs: DataLoader, persistent_workers", "PyTorch issue #41329"),
        ),
        Rule(
            "RA503",
            None,
            "a seed is set after random numbers were drawn",
            "set seeds first, before models, datasets and samplers are made",
            "What was drawn before the seed, such as initial weights, a split or a shuffle, does not depend on it: "
            "with another start of the generator it would be something else. Runs may still be equal, because an "
            "earlier seed, a default or a checkpoint covers the draw today. It is told by a draw from a global stream "
            "that comes before the first seed call for that stream. Seeding twice with the same number repeats the "
            "stream.",
            (_NOTES, "PyTorch docs: torch.manual_seed"),
        ),
        Rule(
            "RA504",
            None,
            "two CUDA streams use one tensor and nothing orders them",
            "let the second stream wait: current_stream().wait_stream(other), or an event",
            "Kernels on different streams run in any order unless an event, a wait or a synchronisation orders them. A "
            "stream that reads what another one writes gets old, new or mixed bytes, depending on timing, and mostly "
            "what was meant. It is told by PyTorch's own CUDA stream sanitizer, fed with the operators that the "
            "program runs: waits that Python code makes by polling outside of torch.cuda.Event and Stream are not "
            "seen, nor is memory that is freed while another stream still uses it (Tensor.record_stream). Equal runs "
            "are no sign that all is well.",
            ("PyTorch notes: CUDA semantics, CUDA streams", "PyTorch docs: CUDA Stream Sanitizer"),
        ),
        Rule(
            "RA505",
            None,
            "the host uses pinned memory while a copy from or to it may be under way",
            "synchronise before the memory is used, or copy without non_blocking=True",
            "A copy with non_blocking=True between the GPU and pinned memory returns before it is done. What the host "
            "reads then may be what was there before, and what it writes may be copied in part. x.to('cpu', "
            "non_blocking=True) makes pinned memory itself. It is told by an operator on the CPU that uses the memory "
            "before the host has waited for the stream of the copy. Reading through .numpy(), .tolist() or a print is "
            "not seen. Equal runs are no sign that all is well.",
            (
                "PyTorch tutorial: A guide on good usage of non_blocking and pin_memory()",
                "PyTorch issue #86264",
            ),
        ),
    )
}
