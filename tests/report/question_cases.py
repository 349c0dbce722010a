"""Results of the questions that are no plain audit, made by hand: variations, a resumed run, what a
seed reaches."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.model.cause import Cause
from reproaudit.model.difference import Difference
from reproaudit.model.events import (
    EventKind,
    Level,
    Location,
    NotChecked,
    Outcome,
    OutcomeKind,
    Phase,
    Unchecked,
)
from reproaudit.model.question import (
    CheckpointFile,
    Dependence,
    FlagSetting,
    LostState,
    Question,
    Restoration,
    Resumption,
    SeedEffect,
    SeedStream,
    StateKind,
    StreamUse,
    Trend,
    VariationOutcome,
)
from reproaudit.model.result import (
    AuditResult,
    Confidence,
    Evidence,
    Finding,
    Fix,
    RunSummary,
    TensorDivergence,
    Trial,
)
from reproaudit.model.verdict import Verdict

ENDED = Outcome(OutcomeKind.COMPLETED, 0)
ENVIRONMENT = (("torch", "2.13.0"), ("python", "3.11.9"), ("device", "cpu"))
COMPARED = (("batch", 10), ("gradient", 40), ("parameter", 40))
FAR = Difference(64, 64, 8_388_608, 0.25, 2.0, (0, 0))
NEAR = Difference(4_096, 61, 3, 2.4e-07, 3.6e-07, (17,), ulp_histogram=(("1", 50), ("4", 11)))
SET_LINE = Location("vocabulary.py", 17, "read")
SUM_LINE = Location("train.py", 12, "loss")


def run(index: int, condition: str, *, steps: int = 10, ended: Outcome = ENDED) -> RunSummary:
    return RunSummary(index, ended, steps, 26 * steps, condition=condition)


HASH_ORDER = Finding(
    rule="RA202",
    cause=Cause.HASH_ORDER,
    title="the order of a set or of hashes reaches the program",
    phase=Phase.FORWARD,
    step=0,
    op="aten::embedding",
    module="embed",
    location=SET_LINE,
    evidence=Evidence(observed=True, notes=("the order of a set at vocabulary.py:17 differs",)),
    difference=FAR,
    fix=Fix(advice="sort the set before it is iterated", patch=("for word in sorted(words):",)),
    variation="hash_seed=1",
)
OTHER_SUM = Finding(
    rule="RA601",
    cause=Cause.THREAD_COUNT,
    title="the operator adds in another order with another number of threads",
    phase=Phase.FORWARD,
    step=2,
    op="aten::sum",
    location=SUM_LINE,
    evidence=Evidence(observed=True),
    difference=NEAR,
    variation="threads=1",
)
CLOCK = replace(
    HASH_ORDER,
    rule="RA203",
    cause=Cause.CLOCK,
    title="the clock reaches the program",
    op=None,
    call="time.localtime",
    location=Location("train.py", 30, "main"),
    evidence=Evidence(),
    difference=None,
    fix=None,
    variation="timezone=Asia/Tokyo",
)

VARY = AuditResult(
    verdict=Verdict.NOT_REPRODUCIBLE,
    question=Question.VARY,
    headline="depends on hash_seed (vocabulary.py:17, a bug), timezone (train.py:30, a bug) and "
    "torch (not explained) and, as documented, on threads (aten::sum, train.py:12); "
    "3 variations change nothing; 1 changes it within the tolerance; 3 were not tried",
    subject="train.py",
    folder="examples/vary",
    runs=(
        run(0, "plain"),
        run(1, "threads=1"),
        run(2, "threads=4"),
        run(3, "hash_seed=1"),
        run(4, "timezone=Asia/Tokyo"),
        run(5, "locales=C"),
        run(6, "home=empty"),
        run(7, "umask=077"),
        run(8, "mkldnn=off"),
        run(9, "torch=/opt/torch-2.14"),
    ),
    classes=((0, 5, 6, 7), (1,), (2,), (3,), (4,), (8,), (9,)),
    steps=10,
    confidence=Confidence(),
    findings=(OTHER_SUM, HASH_ORDER, CLOCK),
    divergences=(
        TensorDivergence(EventKind.OUTPUT, "loss", 2, Phase.FORWARD, (0, 1), "float32[]", NEAR),
        TensorDivergence(
            EventKind.GRADIENT, "embed.weight", 0, Phase.BACKWARD, (0, 3), "float32[8, 8]", FAR
        ),
    ),
    divergences_total=96,
    compared=COMPARED,
    environment=ENVIRONMENT,
    settings=(("seed", "0"),),
    variations=(
        VariationOutcome(
            "threads",
            "1",
            Dependence.EXPECTED,
            why="the order in which partial sums are added depends on the number of threads",
            run=1,
            finding=0,
            step=2,
            tensor="output loss",
            tensors=81,
            difference=NEAR,
            trend=Trend.GROWING,
            reference="PyTorch notes: Numerical accuracy",
        ),
        VariationOutcome(
            "threads",
            "4",
            Dependence.EXPECTED,
            why="the order in which partial sums are added depends on the number of threads",
            run=2,
            finding=0,
            step=2,
            tensor="output loss",
            tensors=81,
            difference=NEAR,
            trend=Trend.STEADY,
            reference="PyTorch notes: Numerical accuracy",
        ),
        VariationOutcome(
            "hash_seed",
            "1",
            Dependence.BUG,
            why="the order of a set decides which row of a table belongs to which word",
            run=3,
            finding=1,
            step=0,
            tensor="gradient embed.weight",
            tensors=80,
            difference=FAR,
            trend=Trend.STEADY,
        ),
        VariationOutcome(
            "timezone",
            "Asia/Tokyo",
            Dependence.BUG,
            why="the local time is a feature of the input",
            run=4,
            finding=2,
            step=0,
            tensor="batch loader",
            tensors=91,
            trend=Trend.UNKNOWN,
        ),
        VariationOutcome("locales", "C", Dependence.NONE, run=5),
        VariationOutcome("home", "empty", Dependence.NONE, run=6),
        VariationOutcome("umask", "077", Dependence.NONE, run=7),
        VariationOutcome(
            "mkldnn",
            "off",
            Dependence.EXPECTED,
            is_within_tolerance=True,
            why="another kernel computes the product",
            run=8,
            step=9,
            tensor="gradient fc.weight",
            tensors=1,
            difference=Difference(64, 2, 1, 1.2e-07, 1.2e-07, within_tolerance=True),
            reference="PyTorch notes: Numerical accuracy",
        ),
        VariationOutcome(
            "torch",
            "/opt/torch-2.14",
            Dependence.UNEXPLAINED,
            why="the two environments hold other versions of torch and numpy",
            run=9,
            step=0,
            tensor="output loss",
            tensors=91,
            difference=NEAR,
            trend=Trend.SHRINKING,
            environment_diff=(
                "--- plain",
                "+++ torch=/opt/torch-2.14",
                "@@ -1,2 +1,2 @@",
                "-numpy 2.4.1",
                "-torch 2.13.0",
                "+numpy 2.4.4",
                "+torch 2.14.1",
            ),
        ),
        VariationOutcome("workers", "0", Dependence.NOT_TRIED, why="the program has no DataLoader"),
        VariationOutcome("workers", "4", Dependence.NOT_TRIED, why="the program has no DataLoader"),
        VariationOutcome(
            "device", "cuda", Dependence.NOT_TRIED, why="there is no GPU on this machine"
        ),
    ),
    not_checked=(
        NotChecked(
            Unchecked.RUNS_ENDED_EARLY,
            "steps after the 10th",
            "the audit stopped there; --steps all goes on to the end",
        ),
    ),
    runs_made=14,
)

UNVARIED = replace(
    VARY,
    verdict=Verdict.REPRODUCIBLE,
    headline="3 variations change nothing",
    runs=VARY.runs[:1] + VARY.runs[5:8],
    classes=((0, 5, 6, 7),),
    findings=(),
    divergences=(),
    divergences_total=0,
    variations=VARY.variations[4:7],
)

MANY_VARIATIONS = replace(
    VARY,
    variations=tuple(
        replace(VARY.variations[number % 9], value=f"value {number}") for number in range(10_000)
    ),
)

LOST_SCHEDULER = LostState(
    kind=StateKind.SCHEDULER,
    name="StepLR",
    restoration=Restoration.NOT_RESTORED,
    expected="last_epoch 5, learning rate 0.025",
    found="last_epoch 0, learning rate 0.1",
    location=Location("train.py", 31, "load"),
    in_checkpoint=False,
    evidence=(
        "the learning rate of the first resumed step is that of step 0",
        "the checkpoint of step 5 holds parameters and optimizer",
    ),
    advice="save scheduler.state_dict() with the checkpoint, and load it at train.py:31",
)

RESUME = AuditResult(
    verdict=Verdict.NOT_REPRODUCIBLE,
    question=Question.RESUME,
    headline="a run resumed at step 5 lost the scheduler StepLR (not restored), the random stream "
    "torch CPU (shifted) and the position in the data (wrong); first differs in the optimizer of "
    "step 5 at aten::add_, train.py:44 in step",
    subject="train.py",
    folder="examples/resume",
    runs=(
        run(0, "uninterrupted"),
        run(1, "stopped", steps=6, ended=Outcome(OutcomeKind.KILLED, 15, "SIGTERM")),
        run(2, "resumed", steps=5),
        replace(run(3, "uninterrupted"), level=Level.OPERATION),
        replace(run(4, "resumed", steps=5), level=Level.OPERATION),
    ),
    classes=((0,), (2,)),
    steps=5,
    first_step=5,
    findings=(
        Finding(
            rule="RA611",
            cause=Cause.CARRIED_STATE,
            title="the resumed run goes on without state that the uninterrupted one has",
            phase=Phase.OPTIMIZER,
            step=5,
            op="aten::add_",
            location=Location("train.py", 44, "step"),
            evidence=Evidence(observed=True),
            difference=FAR,
            fix=Fix(
                advice="save and load the scheduler's state",
                settings=("resume.scheduler",),
                verified=True,
                runs=2,
                patch=("scheduler.load_state_dict(saved['scheduler'])",),
            ),
        ),
    ),
    trials=(Trial(("resume.scheduler",), 2, is_equal=True, plain_differ=True),),
    divergences=(
        TensorDivergence(
            EventKind.PARAMETER, "fc.weight", 5, Phase.OPTIMIZER, (0, 2), "float32[8, 8]", FAR
        ),
    ),
    divergences_total=10,
    compared=COMPARED,
    environment=ENVIRONMENT,
    resumption=Resumption(
        asked=6,
        step=5,
        stopped_by="SIGTERM",
        command="python train.py --resume out/last.pt",
        lost=(
            LOST_SCHEDULER,
            LostState(
                kind=StateKind.RANDOM_STREAM,
                name="torch CPU",
                restoration=Restoration.SHIFTED,
                expected="the state after 640 draws",
                found="the state after 641 draws",
                location=Location("train.py", 38, "main"),
                in_checkpoint=True,
                evidence=("iter(loader) draws a base seed from the restored stream",),
                advice="restore the random state once the loader's iterator was made",
            ),
            LostState(
                kind=StateKind.DATA_POSITION,
                name="",
                restoration=Restoration.WRONG,
                expected="batch 5",
                found="batch 0",
            ),
        ),
        checkpoints=(
            CheckpointFile(
                "out/3.pt",
                "torch.save",
                3,
                Location("train.py", 50, "save"),
                (StateKind.PARAMETERS, StateKind.OPTIMIZER, StateKind.RANDOM_STREAM),
            ),
            CheckpointFile("out/notes.safetensors", "safetensors", 5),
        ),
    ),
)

RESUMED = replace(
    RESUME,
    verdict=Verdict.REPRODUCIBLE,
    headline="a run resumed at step 5 equals an uninterrupted one over 5 steps: 10 batches, "
    "40 gradients, 40 parameters",
    classes=((0, 2),),
    trials=(),
    findings=(),
    divergences=(),
    divergences_total=0,
    resumption=replace(
        RESUME.resumption,
        asked=None,
        stopped_by="checkpoint",
        lost=(),
        checkpoints=RESUME.resumption.checkpoints[:1],
    ),
)

SEEDS = AuditResult(
    verdict=Verdict.NOT_REPRODUCIBLE,
    question=Question.SEEDS,
    headline="the same seed does not give the same: 2 runs with seed 0, 2 distinct; not as they "
    "ought to be: data order, train.py:21 (unseeded) and forward pass, noise.py:8 (constant)",
    subject="train.py",
    folder="examples/seeds",
    runs=(run(0, "seed 0"), run(1, "seed 0"), run(2, "seed 1")),
    classes=((0,), (1,), (2,)),
    steps=10,
    compared=COMPARED,
    environment=ENVIRONMENT,
    streams=(
        SeedStream(
            "numpy default_rng",
            StreamUse.FORWARD,
            SeedEffect.CONSTANT,
            Location("noise.py", 8, "add"),
            "default_rng(42).normal",
            draws=10,
            is_expected=False,
            why="the generator is made with 42 in each call",
        ),
        SeedStream(
            "torch CPU",
            StreamUse.WEIGHTS,
            SeedEffect.FOLLOWS,
            Location("train.py", 14, "main"),
            "aten::uniform_",
            draws=1_088,
        ),
        SeedStream(
            "Python random",
            StreamUse.ORDER,
            SeedEffect.UNSEEDED,
            Location("train.py", 21, "main"),
            "random.shuffle",
            draws=640,
            process="worker 0",
            is_expected=False,
            why="no call seeds Python's random",
        ),
        SeedStream(
            "numpy legacy",
            StreamUse.DATA,
            SeedEffect.CONSTANT,
            Location("site-packages/toys/data.py", 3, "load"),
            "RandomState.rand",
            draws=100,
            below="toys",
        ),
        SeedStream("torch CPU", StreamUse.OTHER, SeedEffect.UNKNOWN),
    ),
    timeline=(
        FlagSetting(
            "torch.use_deterministic_algorithms",
            "True",
            0,
            Location("train.py", 3),
        ),
        FlagSetting(
            "torch.manual_seed",
            "0",
            0,
            Location("train.py", 16, "main"),
            made=("Linear", "Adam"),
            why="Linear was built before it with other numbers",
        ),
        FlagSetting(
            "torch.use_deterministic_algorithms",
            "False",
            1,
            Location("site-packages/trainer/loop.py", 88, "fit"),
            by="trainer",
            made=("Linear", "Adam", "DataLoader"),
            undoes=0,
            why="it takes back what the program asked for",
        ),
    ),
)

SEEDED = replace(
    SEEDS,
    verdict=Verdict.REPRODUCIBLE,
    headline="1 of 2 lines that draw follows the seed; the same seed gives the same over 10 steps",
    classes=((0, 1), (2,)),
    streams=(SEEDS.streams[1], SEEDS.streams[3]),
    timeline=SEEDS.timeline[:1],
)


def spoil(text: str) -> AuditResult:
    """Return a result that has the text wherever a stranger could have put it."""
    place = Location(text, 1, text)
    outcome = VariationOutcome(
        name=text,
        value=text,
        dependence=Dependence.BUG,
        why=text,
        finding=99,
        step=0,
        tensor=text,
        reference=text,
        environment_diff=(text,),
    )
    lost = LostState(
        StateKind.PYTHON_VALUE,
        text,
        Restoration.WRONG,
        text,
        text,
        place,
        evidence=(text,),
        advice=text,
    )
    return AuditResult(
        verdict=Verdict.NOT_REPRODUCIBLE,
        question=Question.VARY,
        headline=text,
        subject=text,
        runs=(RunSummary(0, ENDED, 1, 1, condition=text), RunSummary(1, ENDED, 1, 1)),
        classes=((0,), (1,)),
        steps=1,
        variations=(
            outcome,
            replace(outcome, dependence=Dependence.EXPECTED),
            replace(outcome, dependence=Dependence.NOT_TRIED, finding=None, step=None),
        ),
        resumption=Resumption(
            1, 1, text, text, (lost,), (CheckpointFile(text, text, 1, place, ()),)
        ),
        streams=(
            SeedStream(
                text,
                StreamUse.OTHER,
                SeedEffect.UNSEEDED,
                place,
                text,
                1,
                text,
                text,
                False,
                text,
            ),
        ),
        timeline=(FlagSetting(text, text, 0, place, text, (text,), 99, text),),
        folder=text,
    )
