"""The table of causes: a stable rule id, a title, and advice for each."""

from __future__ import annotations

from dataclasses import dataclass

from reproaudit.model import Cause


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    cause: Cause
    title: str
    advice: str


RULES: dict[Cause, Rule] = {
    rule.cause: rule
    for rule in (
        Rule("RA101", Cause.UNSEEDED_RNG, "a random generator starts from another state in each run",
             "seed the generator before its first draw"),
        Rule("RA102", Cause.RNG_ORDER, "draws from one random stream happen in another order or number",
             "give each consumer a generator of its own"),
        Rule("RA103", Cause.WORKER_SEED, "worker processes are seeded differently in each run",
             "derive worker seeds from torch.initial_seed()"),
        Rule("RA201", Cause.DATA_ORDER, "the same data arrives in another order",
             "restore a fixed order before the data is used"),
        Rule("RA202", Cause.HASH_ORDER, "the order follows Python's randomised string hashes",
             "sort before iterating, or fix PYTHONHASHSEED before the start"),
        Rule("RA203", Cause.FILESYSTEM_ORDER, "the order of directory entries or file times is used",
             "sort file names"),
        Rule("RA301", Cause.CLOCK, "the clock decides a value or a branch",
             "use a fixed number of steps or a fixed reference time"),
        Rule("RA302", Cause.EXTERNAL_LIBRARY, "a library outside PyTorch returns different results",
             "give that library a seed or a fixed order"),
        Rule("RA303", Cause.CARRIED_STATE, "what an earlier run left behind changes a later one",
             "use a fresh output folder per run, or an explicit resume option"),
        Rule("RA401", Cause.KERNEL, "the operator returns different results for equal inputs",
             "use a deterministic variant, torch.use_deterministic_algorithms(True), or one thread"),
        Rule("RA402", Cause.THREAD_RACE, "threads of the program race for the same tensor",
             "let one thread write, or synchronise"),
        Rule("RA403", Cause.THREAD_COUNT, "the number of threads differs between runs",
             "fix torch.set_num_threads and OMP_NUM_THREADS"),
        Rule("RA404", Cause.UNINITIALIZED_MEMORY, "memory that nothing has written is read",
             "initialise it: torch.zeros, nn.init, or a full overwrite"),
        Rule("RA405", Cause.HARDWARE, "the hardware or its libraries differ", "compare on one kind of machine"),
        Rule("RA999", Cause.UNKNOWN, "the difference is located but its cause is not established",
             "look at the named line, and at what it reads from outside PyTorch"),
    )
}  # fmt: skip
