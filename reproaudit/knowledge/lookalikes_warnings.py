"""What looks like a warning at first sight, and what tells the two apart."""

from __future__ import annotations

from collections.abc import Mapping

from reproaudit.knowledge.traits import Lookalike

OF_WARNINGS: Mapping[str, tuple[Lookalike, ...]] = {
    "RA501": (
        Lookalike(
            "RA502",
            "Workers differ from each other there, and one epoch from the next does not.",
        ),
        Lookalike(
            "RA508",
            "Ranks draw alike there, each with workers that may differ from one another.",
        ),
        Lookalike(
            "RA103",
            "Runs differ there. Here they are equal, and what they repeat is the mistake.",
        ),
    ),
    "RA502": (
        Lookalike(
            "RA511",
            "A DistributedSampler makes its order of its seed and the epoch there, and draws "
            "from no global stream.",
        ),
        Lookalike(
            "RA501",
            "Workers are alike there within one epoch.",
        ),
        Lookalike(
            "an evaluation",
            "A loader that evaluates is right to repeat its order, and is not told.",
        ),
    ),
    "RA503": (
        Lookalike(
            "RA101",
            "No seed reaches the stream at all there, early or late, and runs differ. With a "
            "late seed they may differ too: then both are said.",
        ),
        Lookalike(
            "RA622",
            "The same, asked by `reproaudit seeds`: what of the program does not follow its seed.",
        ),
        Lookalike(
            "a second seed",
            "To seed again before an evaluation, so that it is the same each time, is common, "
            "and comes after a first seed.",
        ),
    ),
    "RA504": (
        Lookalike(
            "RA401",
            "Atomic additions on a GPU differ on one stream too, and a repetition alone shows "
            "that.",
        ),
        Lookalike(
            "RA505",
            "A stream and the host race there, not two streams.",
        ),
        Lookalike(
            "RA402",
            "Threads of the host race there for memory of the host.",
        ),
    ),
    "RA505": (
        Lookalike(
            "RA504",
            "Two streams race there, both on the GPU.",
        ),
        Lookalike(
            "RA404",
            "New memory that a copy has not reached yet looks like memory that nothing writes. "
            "With a wait before the read, runs are equal.",
        ),
    ),
    "RA506": (
        Lookalike(
            "RA507",
            "Parameters agree there, and running statistics do not.",
        ),
        Lookalike(
            "RA406",
            "All ranks of one run agree there, and runs differ.",
        ),
        Lookalike(
            "ranks that share a model",
            "Shards of one model differ by intent, and are not taken for copies.",
        ),
    ),
    "RA507": (
        Lookalike(
            "RA506",
            "Parameters differ from rank to rank there, and each trains another model.",
        ),
        Lookalike(
            "RA606",
            "A batch norm that is left in training mode changes answers by what else is in the "
            "batch; on ranks it also keeps statistics of its own.",
        ),
    ),
    "RA508": (
        Lookalike(
            "RA509",
            "The samples are equal there, and not only the noise on them.",
        ),
        Lookalike(
            "RA501",
            "Workers of one process draw alike there.",
        ),
        Lookalike(
            "a draw for all ranks",
            "Which layers are left out, or which batch size comes next, has to be drawn alike "
            "everywhere, and is not told.",
        ),
    ),
    "RA509": (
        Lookalike(
            "RA508",
            "Samples differ from rank to rank there, and only what is drawn for them is the same.",
        ),
        Lookalike(
            "RA511",
            "Ranks have shares of their own there, in the same order in each epoch.",
        ),
        Lookalike(
            "an evaluation",
            "Ranks that evaluate all the same data give the same answers, and are not told.",
        ),
    ),
    "RA510": (
        Lookalike(
            "RA509",
            "Each rank reads all samples there; here some are read by nobody, or ranks get "
            "different numbers of batches.",
        ),
        Lookalike(
            "a rank that hangs",
            "A collective that one rank alone skips hangs as well, with equal numbers of batches.",
        ),
    ),
    "RA511": (
        Lookalike(
            "RA502",
            "A global stream is seeded anew in each epoch there, on one process too.",
        ),
        Lookalike(
            "RA509",
            "The same samples come to all ranks there, in one epoch.",
        ),
    ),
}
