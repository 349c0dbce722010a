"""Findings of `reproaudit seeds`: what of a program its seed does not reach."""

from __future__ import annotations

from enum import Enum

from reproaudit.knowledge.traits import Rule

_NOTES = "PyTorch notes: Reproducibility"
_WORKERS = "PyTorch docs: torch.utils.data, Randomness in Multi-process Data Loading"


class SeedFault(Enum):
    """What is wrong with a seed; the value is the rule's id."""

    IGNORED = "RA620"
    OVERWRITTEN = "RA621"
    TOO_LATE = "RA622"
    ZERO = "RA623"
    UNSEEDED = "RA624"
    CONSTANT = "RA625"
    CONSTANT_IN_LIBRARY = "RA626"
    WORKERS = "RA627"
    MORE_THAN_DRAWS = "RA628"


SEED_RULES = (
    Rule(
        id=SeedFault.IGNORED.value,
        title="the seed is ignored",
        advice="seed each random stream from the program's own seed, before anything is drawn",
        explanation=(
            "The program takes the seed, and nothing that it draws depends on it: the argument is "
            "parsed and never used, or each seeding call is given a constant. Every seed then "
            "gives the same run, and a study over several seeds is one run repeated. It is told "
            "by the states of all streams, which are the same under each seed where they are "
            "drawn from, and by seeding calls that are given the same number."
        ),
        question="seeds",
        references=(_NOTES,),
    ),
    Rule(
        id=SeedFault.OVERWRITTEN.value,
        title="the seed is overwritten",
        advice="seed once; give libraries that seed for themselves the program's own seed",
        explanation=(
            "A stream is seeded with the program's seed, and seeded again with a constant before "
            "it is drawn from: by another line, or by a library that seeds for itself, as "
            "transformers' Trainer does from TrainingArguments(seed=42). What is drawn afterwards "
            "is the same under every seed. It is told by the last seeding call before the draw, "
            "which is given the same number under each seed while an earlier one is not."
        ),
        question="seeds",
        references=(_NOTES, "Transformers docs: TrainingArguments, seed"),
    ),
    Rule(
        id=SeedFault.TOO_LATE.value,
        title="the seed is set too late",
        advice="set seeds first, before models, datasets and samplers are made",
        explanation=(
            "Numbers were drawn before their stream was seeded: initial weights of a model that "
            "was built first, a split, a shuffle. They are others in each run, or follow from an "
            "earlier constant, and the seed says nothing about them. It is told by a draw that "
            "comes before the first seeding call which follows the seed, and whose state does not "
            "follow it."
        ),
        question="seeds",
        references=(_NOTES, "PyTorch docs: torch.manual_seed"),
    ),
    Rule(
        id=SeedFault.ZERO.value,
        title="the seed 0 is taken for none",
        advice="compare with None: `if seed is not None`",
        explanation=(
            "Zero is false in Python: `if args.seed:` skips the seeding, and `args.seed or 42` "
            "takes another number. Seed 0, which many choose first, then gives other numbers in "
            "each run, or those of another seed. It is told by a seeding call that is made under "
            "other seeds and not under 0, or that is given another number."
        ),
        question="seeds",
        references=("Python docs: Truth Value Testing",),
    ),
    Rule(
        id=SeedFault.UNSEEDED.value,
        title="no seed reaches a random stream",
        advice="seed it with the program's own seed, before its first draw",
        explanation=(
            "torch.manual_seed seeds torch and no other library; numpy.random.seed does not reach "
            "default_rng(), and random.seed reaches no random.Random(). A stream without a seed "
            "starts from the operating system's entropy, so that its numbers are others in each "
            "run, whatever the seed. It is told by the state that a line drew from, in two runs "
            "under the same seed."
        ),
        question="seeds",
        references=(_NOTES, "NumPy docs: numpy.random.default_rng"),
    ),
    Rule(
        id=SeedFault.CONSTANT.value,
        title="a constant seed stands in the way of the program's own",
        advice="derive it from the program's own seed",
        explanation=(
            "A generator is given a constant, such as default_rng(42) or "
            "torch.Generator().manual_seed(0), and weights, the order of the data, augmentation "
            "or dropout are drawn from it: they are the same under every seed. A split, or data "
            "that is made once before training, may well be meant to stay and is no finding. It "
            "is told by states that are equal under each seed while the program trains."
        ),
        question="seeds",
        references=(_NOTES,),
    ),
    Rule(
        id=SeedFault.CONSTANT_IN_LIBRARY.value,
        title="a library seeds with a constant",
        advice="give the library the program's own seed",
        explanation=(
            "An installed library seeds a stream with a constant of its own, or starts a "
            "generator from one, unless it is told otherwise. What the program draws from it is "
            "the same under every seed. The finding names the function of the library that the "
            "program called. It is told by the seeding call and by the states drawn from, which "
            "are equal under each seed."
        ),
        question="seeds",
        references=(_NOTES,),
    ),
    Rule(
        id=SeedFault.WORKERS.value,
        title="what workers draw does not follow the seed",
        advice="derive the seeds of workers from torch.initial_seed(), in worker_init_fn",
        explanation=(
            "A DataLoader seeds the global streams of Python, NumPy and torch in each worker from "
            "the stream of the main process. A generator that the dataset holds, a worker_init_fn "
            "that seeds with a constant or with the worker's number alone, and a process pool are "
            "not reached by it: augmentation is then the same under every seed, or another in "
            "each run. It is told by the states that lines drew from in worker processes."
        ),
        question="seeds",
        references=(_WORKERS, _NOTES),
    ),
    Rule(
        id=SeedFault.MORE_THAN_DRAWS.value,
        title="the seed changes more than what is drawn",
        advice="give it a value of its own; let the seed do nothing but seed",
        explanation=(
            "Another seed is to bring other weights, another order of the data and other dropout. "
            "Here it changes something besides: a learning rate or a number of steps that is made "
            "of it, a fold that is chosen by it. Runs under several seeds then differ in more than "
            "chance, and their spread says nothing of the method. It is told by a run under "
            "another seed in which each call that seeds is given what it was given under the first "
            "one: all that is drawn is drawn as there, so what differs depends on the seed in "
            "another way. Where nothing differs, nothing that was compared does, with these two "
            "seeds."
        ),
        question="seeds",
        references=(_NOTES,),
    ),
)
