"""What looks like a cause at first sight, and what tells the two apart."""

from __future__ import annotations

from collections.abc import Mapping

from reproaudit.knowledge.traits import Lookalike

OF_CAUSES: Mapping[str, tuple[Lookalike, ...]] = {
    "RA101": (
        Lookalike(
            "RA102",
            "The stream starts alike in each run there and is drawn from in another order "
            "later; here its first state differs already. A seed repairs this one only.",
        ),
        Lookalike(
            "RA103",
            "The main process goes alike there, and the draws that differ were made in a worker.",
        ),
        Lookalike(
            "RA503",
            "There is a seed, and it comes too late: the weights were drawn before it.",
        ),
    ),
    "RA102": (
        Lookalike(
            "RA101",
            "The first state of the stream differs already there. Here earlier draws are equal, "
            "and a seed changes nothing.",
        ),
        Lookalike(
            "RA201",
            "No generator is involved there: batches hold the same samples in another order, "
            "though all draws are equal.",
        ),
        Lookalike(
            "RA202",
            "A loop over a set that draws in its body reorders the draws too: runs with "
            "PYTHONHASHSEED fixed are equal then.",
        ),
    ),
    "RA103": (
        Lookalike(
            "RA101",
            "A stream of the main process differs there, and the data that workers make of it "
            "follows.",
        ),
        Lookalike(
            "RA201",
            "What workers return is equal there, sample by sample, and arrives in another order.",
        ),
        Lookalike(
            "RA501",
            "Runs are equal there: workers draw the same numbers as each other, each time again.",
        ),
    ),
    "RA201": (
        Lookalike(
            "RA102",
            "The samples are the same there, and the noise on them is not: numbers were drawn "
            "in another order. Here samples are equal as a set.",
        ),
        Lookalike(
            "RA202",
            "The order follows hashes there: runs with PYTHONHASHSEED fixed are equal, and "
            "nothing runs side by side.",
        ),
        Lookalike(
            "RA203",
            "The order is that of a listing there, made before anything was loaded.",
        ),
        Lookalike(
            "RA101",
            "A shuffle without a seed reorders samples as well: its generator starts from "
            "another state, and a seed repairs it.",
        ),
    ),
    "RA202": (
        Lookalike(
            "RA201",
            "Results of threads or processes are taken as they come there, and fixed hashes "
            "change nothing.",
        ),
        Lookalike(
            "RA203",
            "Names come in the order of the file system there. It is the same in each run on "
            "one machine as a rule; hashes of strings differ from process to process.",
        ),
        Lookalike(
            "RA101",
            "Numbers made of hash() as a seed look as if there were no seed: PYTHONHASHSEED=0 "
            "makes the runs equal, torch.manual_seed does not.",
        ),
    ),
    "RA203": (
        Lookalike(
            "RA202",
            "File names that went through a set come in the order of their hashes: they differ "
            "from run to run on one machine.",
        ),
        Lookalike(
            "RA303",
            "A listing is longer in the second run there, because the first one wrote into the "
            "folder.",
        ),
        Lookalike(
            "RA201",
            "Files are listed alike there and read side by side.",
        ),
    ),
    "RA301": (
        Lookalike(
            "RA101",
            "A seed made of the time differs like a missing one. The clock's call that the seed "
            "was made of is named; a fixed seed and a clock that ticks alike both repair it.",
        ),
        Lookalike(
            "RA600",
            "Runs in one time zone are equal there, however late they are made.",
        ),
        Lookalike(
            "RA201",
            "A timeout that drops a late batch is decided by a clock inside a library: the data "
            "arrives differently, and no clock call of the program stands before it.",
        ),
    ),
    "RA302": (
        Lookalike(
            "RA101",
            "Python's, NumPy's and torch's generators are known, and their states recorded; a "
            "library with a generator of its own shows only by what it returns.",
        ),
        Lookalike(
            "RA201",
            "A library that loads in threads may return the same in another order: sorted, its "
            "results are equal.",
        ),
        Lookalike(
            "RA303",
            "A database that an earlier run has written to answers differently without any "
            "chance in it: with the files as they were, runs are equal.",
        ),
    ),
    "RA303": (
        Lookalike(
            "RA101",
            "Each run differs from each other there. Here the first often stands alone, and "
            "later ones agree or drift on.",
        ),
        Lookalike(
            "RA301",
            "A file that is read because it is fresh enough depends on the clock, and not on "
            "its existence.",
        ),
        Lookalike(
            "RA610",
            "A checkpoint that is found by intent belongs to a program that resumes: "
            "`reproaudit resume` asks whether it does that right.",
        ),
    ),
    "RA401": (
        Lookalike(
            "RA402",
            "Another thread of the program changed the operator's input there while it ran. "
            "Here its inputs are equal, digest by digest.",
        ),
        Lookalike(
            "RA404",
            "The operator's output holds memory there that nothing has filled, and adding up "
            "has no part in it.",
        ),
        Lookalike(
            "RA403",
            "With one and the same number of threads, runs are equal there.",
        ),
        Lookalike(
            "RA406",
            "The operator is a collective there, and what it reduces together is divided "
            "otherwise.",
        ),
    ),
    "RA402": (
        Lookalike(
            "RA401",
            "Equal inputs give different results there, also when the call is repeated alone. "
            "Here a repetition alone is equal.",
        ),
        Lookalike(
            "RA102",
            "Threads share no tensor there but a generator: the states that they draw from are "
            "exchanged.",
        ),
        Lookalike(
            "RA404",
            "Memory that nobody writes differs from run to run there, in a program of one "
            "thread too.",
        ),
    ),
    "RA403": (
        Lookalike(
            "RA401",
            "Runs differ there with one and the same number of threads. Here each number gives "
            "equal runs.",
        ),
        Lookalike(
            "RA405",
            "Threads are as many there, and the processor or a library chooses another kernel. "
            "A machine with more cores mostly changes both: vary one of them at a time.",
        ),
    ),
    "RA404": (
        Lookalike(
            "RA401",
            "Each element is computed there, and the last bits differ. Values that are huge, "
            "NaN or zero in single places speak for memory that nothing has written.",
        ),
        Lookalike(
            "RA402",
            "The memory is written there, by two threads at once.",
        ),
        Lookalike(
            "RA101",
            "Weights without an initialisation look as if they were drawn; no generator was "
            "asked for them.",
        ),
    ),
    "RA405": (
        Lookalike(
            "RA403",
            "Another machine mostly has another number of cores: with the threads fixed, what "
            "is left is the hardware.",
        ),
        Lookalike(
            "RA401",
            "Runs on one machine differ from each other there. Ask that first: a comparison of "
            "two machines means little otherwise.",
        ),
        Lookalike(
            "RA601",
            "One machine there, on which another kernel was asked for.",
        ),
    ),
    "RA406": (
        Lookalike(
            "RA401",
            "A kernel on one rank differs there before anything is reduced: the input of the "
            "collective is another already.",
        ),
        Lookalike(
            "RA506",
            "Ranks disagree with each other there, in runs that may be equal. Here all ranks of "
            "one run agree.",
        ),
        Lookalike(
            "RA403",
            "torchrun sets one thread per rank: started in another way, the ranks split their "
            "own sums otherwise.",
        ),
    ),
    "RA999": (
        Lookalike(
            "RA302",
            "What entered from outside is the usual reason: a library, a subprocess or a device "
            "whose calls are not recorded.",
        ),
        Lookalike(
            "RA401",
            "An operator that is repeated on its own inputs and differs is a kernel. Here no "
            "repetition showed that, or none could be made.",
        ),
    ),
}
