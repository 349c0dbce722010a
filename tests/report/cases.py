"""The results that every report must render: made by hand, small, and together touching every
field."""

from __future__ import annotations

import math
from dataclasses import replace

from reproaudit.model.cause import Cause
from reproaudit.model.difference import Difference
from reproaudit.model.events import (
    Change,
    EventKind,
    Level,
    Location,
    NotChecked,
    Outcome,
    OutcomeKind,
    Phase,
    ProgramWarning,
    Unchecked,
)
from reproaudit.model.result import (
    Alert,
    AuditResult,
    Confidence,
    Evidence,
    Finding,
    Fix,
    Isolation,
    Replays,
    RunSummary,
    TensorDivergence,
    Trial,
)
from reproaudit.model.verdict import Verdict
from tests.report.question_cases import (
    MANY_VARIATIONS,
    RESUME,
    RESUMED,
    SEEDED,
    SEEDS,
    UNVARIED,
    VARY,
    spoil,
)

STOPPED = Outcome(OutcomeKind.STOPPED)
WEIGHT = "float32[800, 800]"
REFUSED = "does not have a deterministic implementation"
LINE_7 = Location("model.py", 7, "forward")
ENVIRONMENT = (("torch", "2.13.0"), ("python", "3.11.9"), ("device", "cpu"))


def runs(
    count: int, outcome: Outcome = STOPPED, level: Level = Level.BOUNDARY
) -> tuple[RunSummary, ...]:
    return tuple(RunSummary(index, outcome, 10, 260, level) for index in range(count))


EMPTY = AuditResult(Verdict.NOT_AUDITED, "", "", (), (), 0)

REPRODUCIBLE = AuditResult(
    verdict=Verdict.REPRODUCIBLE,
    headline="5 runs are bitwise equal: 10 batches, 120 gradients, 120 parameters",
    subject="train.py",
    runs=runs(5),
    classes=((0, 1, 2, 3, 4),),
    steps=10,
    confidence=Confidence(0.95, 1 - 0.05**0.2),
    not_checked=(
        NotChecked(
            Unchecked.COMPILED_REGIONS,
            "fused kernels of compiled regions",
            "no operator in them can be seen; their outputs were compared",
        ),
        NotChecked(
            Unchecked.RUNS_ENDED_EARLY,
            "steps after the 10th",
            "the audit stopped there; --steps all goes on to the end",
        ),
    ),
    compared=(("batch", 10), ("output", 0), ("gradient", 120), ("parameter", 120)),
    environment=ENVIRONMENT,
)

SHARED_WORKERS = replace(
    REPRODUCIBLE,
    folder="examples/net",
    warnings=(
        ProgramWarning(
            "the workers of the DataLoader iterated at train.py:9 draw the same random numbers: "
            "each starts dataset.rng from the same state",
            rule="RA501",
            location=Location("train.py", 9, "main"),
        ),
        ProgramWarning("the pattern 'output:w' is to be ignored, but matches no tensor"),
    ),
)

INDEX_PUT = Finding(
    rule="RA401",
    cause=Cause.KERNEL,
    title="the operator returns different results for equal inputs",
    phase=Phase.BACKWARD,
    step=0,
    op="aten::index_put_",
    module="layers.1",
    location=Location("train.py", 41, "forward"),
    count=12,
    evidence=Evidence(
        observed=True,
        replayed=True,
        declared=False,
        switched=True,
        notes=("the op ran in a thread of the program",),
        replays=Replays(20, 18, 0.683, 0.988),
    ),
    difference=Difference(
        elements=640_000,
        differing=3_812,
        max_ulp=4,
        max_abs=1.2e-07,
        max_rel=3.1e-06,
        first_index=(0, 17),
        ulp_histogram=(("1", 3_000), ("2", 700), ("4", 112)),
    ),
    fix=Fix(
        ("kernels.deterministic",),
        "call torch.use_deterministic_algorithms(True)",
        True,
        5,
        1.034,
        ("import torch", "torch.use_deterministic_algorithms(True)"),
    ),
)

ONE_DIVERGENCE = AuditResult(
    verdict=Verdict.NOT_REPRODUCIBLE,
    headline="5 runs, 4 distinct; first differs in the backward pass of step 0 at "
    "aten::index_put_, train.py:41 in forward",
    subject="train.py",
    runs=(*runs(5), *(replace(run, index=run.index + 5, level=Level.OPERATION) for run in runs(2))),
    classes=((0, 2), (1,), (3,), (4,)),
    steps=10,
    findings=(INDEX_PUT,),
    divergences=(
        TensorDivergence(
            kind=EventKind.GRADIENT,
            name="layers.1.weight",
            step=0,
            phase=Phase.BACKWARD,
            runs=(0, 1),
            tensor=WEIGHT,
            difference=INDEX_PUT.difference,
        ),
        TensorDivergence(
            kind=EventKind.PARAMETER,
            name="layers.1.weight",
            step=0,
            phase=Phase.OPTIMIZER,
            runs=(0, 1),
            tensor=WEIGHT,
        ),
    ),
    divergences_total=1_140,
    alerts=(
        Alert("aten::cumsum", REFUSED, Phase.FORWARD, "head", LINE_7, 10),
        Alert("aten::scatter_add_", REFUSED, Phase.BACKWARD, count=1_200),
    ),
    warnings=(ProgramWarning("4 of the runs shared 2 cores"),),
    changes=(Change("torch.backends.cudnn.benchmark", "False", "True", Location("train.py", 12)),),
    not_checked=REPRODUCIBLE.not_checked[1:],
    compared=REPRODUCIBLE.compared,
    settings=(("seed", "0"), ("threads", "2")),
    environment=ENVIRONMENT,
    next_commands=("reproaudit --intervene kernels.deterministic train.py",),
    confidence=Confidence(0.95, None, 0.75, (0.194, 0.994)),
    is_complete=True,
    trials=(
        Trial(("threads.serial",), 2, False),
        Trial(
            ("clock.fixed", "entropy.fixed"),
            1,
            False,
            "the program ended otherwise with it: SIGKILL",
        ),
        Trial(("kernels.deterministic",), 5, True, plain_differ=True),
    ),
    runs_made=21,
    isolation=Isolation.INPROCESS,
    folder="examples/net",
    reproducer="repro",
)

STRUCTURE = replace(
    ONE_DIVERGENCE,
    headline="2 runs, 2 distinct, and they end differently",
    runs=(
        RunSummary(0, Outcome(OutcomeKind.COMPLETED, 0), 10, 260),
        RunSummary(
            1, Outcome(OutcomeKind.RAISED, 1, "RuntimeError: tensors of unequal size"), 7, 1_181
        ),
    ),
    classes=((0,), (1,)),
    findings=(),
    divergences=(
        TensorDivergence(
            kind=EventKind.BATCH,
            name="loader",
            step=7,
            phase=Phase.DATA,
            runs=(0, 1),
            tensor="float32[8, 3]",
            other_tensor="float32[7, 3]",
        ),
        TensorDivergence(EventKind.OUTPUT, "loss", 7, Phase.FORWARD, (0, 1), only_in=0),
    ),
    divergences_total=2,
    alerts=(),
    changes=(),
)

WITHIN_TOLERANCE = replace(
    ONE_DIVERGENCE,
    verdict=Verdict.WITHIN_TOLERANCE,
    headline="5 runs, 4 distinct, all within rtol 1e-05",
    findings=(),
    divergences=tuple(
        replace(ONE_DIVERGENCE.divergences[0], difference=difference, name=name)
        for name, difference in (
            ("a", Difference(1, 1, 0, 0.0, 0.0, (), zero_sign=1, within_tolerance=True)),
            (
                "b",
                Difference(
                    9, 2, 2**62, math.inf, math.nan, (3,), nan_against_number=1, nan_payload=1
                ),
            ),
        )
    ),
    divergences_total=2,
)

FAILED = Outcome(OutcomeKind.EXITED, 3, "exit code 3")
NOT_AUDITED = AuditResult(
    verdict=Verdict.NOT_AUDITED,
    headline="all 5 runs failed alike before anything could be compared",
    subject="train.py",
    runs=runs(5, FAILED),
    classes=((0, 1, 2, 3, 4),),
    steps=0,
    not_checked=(
        NotChecked(Unchecked.RUNS_ENDED_EARLY, "everything", "no run reached its first step"),
    ),
    compared=(("gradient", 0),),
    next_commands=("python train.py",),
)

UNICODE = replace(
    ONE_DIVERGENCE,
    headline="2 runs, 2 distinct; first differs in Übungen/naïve façade.py:3 in größe",
    subject="Übungen/naïve façade.py",
    findings=(
        replace(
            INDEX_PUT,
            location=Location("Übungen/naïve façade.py", 3, "größe"),
            module="слой.0",
            fix=replace(INDEX_PUT.fix, together=("clock.fixed", "hash.seed")),
        ),
        replace(
            INDEX_PUT,
            cause=Cause.CLOCK,
            op=None,
            module="",
            evidence=Evidence(),
            difference=None,
            fix=None,
            phase=Phase.DATA,
            location=Location("данные.py", 8, "λ"),
            count=1,
        ),
    ),
    trials=(
        Trial(("seed.python",), 10, True, plain_differ=False),
        Trial(("kernels.deterministic",), 2, False),
        Trial(("kernels.deterministic", "clock.fixed", "hash.seed"), 5, True, plain_differ=True),
        Trial(("compile.off",), 3, True, "the budget ended before plain runs were compared"),
    ),
    divergences=(
        TensorDivergence(
            EventKind.GRADIENT, "слой.0.вес", 0, Phase.BACKWARD, (0, 1), "α", None, "όχι"
        ),
    ),
    divergences_total=1,
)

# Text as a stranger's trace may hold it: terminal sequences, line breaks, direction marks,
# undecodable bytes.
EVIL = "a\x1b]0;title\x07\x1b[2J\r\nb\x9b31m\u202egpj.\u2028\x00\udcff\x7f"
HOSTILE = AuditResult(
    verdict=Verdict.NOT_REPRODUCIBLE,
    headline=EVIL,
    subject=EVIL,
    runs=(RunSummary(0, STOPPED, 1, 1), RunSummary(1, Outcome(OutcomeKind.RAISED, -1, EVIL), 1, 1)),
    classes=((0,), (1,)),
    steps=1,
    findings=(
        Finding(
            EVIL,
            Cause.UNKNOWN,
            EVIL,
            Phase.FORWARD,
            0,
            EVIL,
            EVIL,
            Location(EVIL, 1, EVIL),
            1,
            Evidence(notes=(EVIL,)),
            fix=Fix((EVIL,), EVIL, True, 2, patch=(EVIL,), together=(EVIL,)),
        ),
        Finding(EVIL, Cause.UNKNOWN, EVIL, Phase.FORWARD, 0, EVIL, EVIL, Location(EVIL, 1, EVIL)),
    ),
    divergences=(
        TensorDivergence(EventKind.OUTPUT, EVIL, 0, Phase.FORWARD, (0, 1), EVIL, None, EVIL),
    ),
    divergences_total=1,
    alerts=(Alert(EVIL, EVIL, Phase.FORWARD, EVIL, Location(EVIL, 1, EVIL)),),
    warnings=(ProgramWarning(EVIL), ProgramWarning(EVIL, EVIL, Location(EVIL, 1, EVIL))),
    changes=(Change(EVIL, EVIL, EVIL, Location(EVIL, 1, EVIL)),),
    not_checked=(NotChecked(Unchecked.NO_BYTES, EVIL, EVIL),),
    compared=((EVIL, 1),),
    settings=((EVIL, EVIL),),
    environment=((EVIL, EVIL),),
    next_commands=(EVIL,),
    trials=(Trial((EVIL,), 1, False, EVIL),),
    is_complete=False,
    reproducer=EVIL,
    folder=EVIL,
)

MANY = replace(
    ONE_DIVERGENCE,
    findings=tuple(
        replace(
            INDEX_PUT,
            step=number,
            cause=list(Cause)[number % len(Cause)],
            location=Location(
                f"package/{'sub/' * (number % 9)}train_{number}.py", number + 1, "forward"
            ),
        )
        for number in range(10_000)
    ),
    divergences=tuple(
        replace(
            ONE_DIVERGENCE.divergences[0], name=f"layers.{number}.{'inner.' * (number % 30)}weight"
        )
        for number in range(200)
    ),
)

CASES: dict[str, AuditResult] = {
    "empty": EMPTY,
    "reproducible": REPRODUCIBLE,
    "located-warning": SHARED_WORKERS,
    "one-divergence": ONE_DIVERGENCE,
    "structure-change": STRUCTURE,
    "within-tolerance": WITHIN_TOLERANCE,
    "not-audited": NOT_AUDITED,
    "unicode": UNICODE,
    "hostile": HOSTILE,
    "10000-findings": MANY,
    "vary": VARY,
    "vary-equal": UNVARIED,
    "vary-10000": MANY_VARIATIONS,
    "resume": RESUME,
    "resume-equal": RESUMED,
    "seeds": SEEDS,
    "seeds-expected": SEEDED,
    "hostile-questions": spoil(EVIL),
}
