"""What a dependence on a variation is, where the rule of its cause speaks of something else."""

from __future__ import annotations

from reproaudit.knowledge.expectation import SLICES
from reproaudit.knowledge.traits import Rule
from reproaudit.model.cause import Cause
from reproaudit.model.question import Dependence

_ZONE = Rule(
    id="RA600",
    question="vary",
    title="the local time zone reaches a tensor",
    advice="give datetime a time zone: datetime.now(timezone.utc)",
    explanation=(
        "The program computes something else in another time zone, at the same moment: an hour, a "
        "weekday or a date of the local time is a feature, a seed or a name of a file that is "
        "read. It is told by two runs that differ in the zone alone and, where one was seen, by a "
        "call that asks for the local time before the first difference. On a machine elsewhere, or "
        "in a container, which mostly has UTC, the program is another one."
    ),
    references=("Python docs: datetime, aware and naive objects",),
)
_ROUNDING = Rule(
    id="RA601",
    question="vary",
    title="its last bits depend on the kernel that computes it, as is documented",
    advice="compare within a tolerance, or hold what was varied: --tolerance says how far is equal",
    explanation=(
        "Each run by itself is reproducible. Floating-point addition is not associative: another "
        "kernel, another library, another shape of the batch or another way to share the work "
        "out adds up in another order, and rounds otherwise. That is documented, and no setting "
        "makes the results of two kernels equal; the deterministic flag makes each of them equal "
        "to itself. How far apart the results are, and whether that grows from step to step, tells "
        "whether it matters."
    ),
    references=(
        SLICES,
        "PyTorch notes: Reproducibility",
    ),
)
_SURROUNDINGS = Rule(
    id="RA602",
    question="vary",
    title="what surrounds the process reaches a tensor",
    advice="pass what the program needs to know as an argument, and read nothing else",
    explanation=(
        "The program computes something else under another home folder, PATH, language, umask or "
        "environment. Nothing in PyTorch reads these for its results: the program or a library "
        "under it does, for a file that is found in one place and not in another, a number or an "
        "encoding that is read by the rules of a language, or a count of variables. Each run on "
        "one machine gives the same, and another user's run does not."
    ),
    references=("reprotest: variations", "Reproducible Builds docs: Variations in the environment"),
)
_WORKERS = Rule(
    id="RA603",
    question="vary",
    title="the data depends on how many workers load it",
    advice=(
        "seed what is drawn for a sample by its index; share an IterableDataset out among workers"
    ),
    explanation=(
        "Each worker of a DataLoader is seeded by the loader's seed plus its own number, and "
        "samples are shared out among workers: with another number of them another stream draws "
        "for a sample, which is documented. Each worker of an IterableDataset gives all samples "
        "unless the dataset shares them out itself: then samples come twice. Runs with the same "
        "number of workers are equal."
    ),
    references=(
        "PyTorch docs: torch.utils.data, Randomness in Multi-process Data Loading",
        "PyTorch docs: torch.utils.data.IterableDataset",
    ),
)

VARY_RULES = (_ZONE, _ROUNDING, _SURROUNDINGS, _WORKERS)

_OF_SURROUNDINGS = ("locales", "home", "path", "environment", "umask")
_OF_KERNELS = (Cause.KERNEL, Cause.COLLECTIVE_ORDER)


def find_rule_of_dependence(variation: str, dependence: Dependence, cause: Cause) -> Rule | None:
    """Return the rule that says what depends on a variation; None: that of the cause does."""
    if variation == "workers":
        return _WORKERS
    if variation == "timezone" and cause in (Cause.CLOCK, Cause.UNKNOWN):
        return _ZONE
    if variation in _OF_SURROUNDINGS and cause is Cause.UNKNOWN:
        return _SURROUNDINGS
    if dependence is Dependence.EXPECTED and cause in _OF_KERNELS:
        return _ROUNDING
    return None
