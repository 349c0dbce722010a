"""`reproaudit seeds`: whether the program's seed reaches what is drawn, and when it was set."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reproaudit.cli.arguments import (
    Parser,
    add_inputs,
    add_run_options,
    add_settings,
    add_tolerance,
)
from reproaudit.cli.choices import limit_steps, read_settings, read_tolerances
from reproaudit.cli.effort import add_budget
from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.mistaken import split_and_warn
from reproaudit.cli.option_values import parse_path
from reproaudit.cli.questions import (
    Asked,
    answer,
    make_question_parser,
    read_asked,
)
from reproaudit.cli.report_options import add_reports
from reproaudit.config.seed_argument import SeedArgument, SeedPlace
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import UsageError

if TYPE_CHECKING:
    from reproaudit.model.result import AuditResult
    from reproaudit.runs.progress import Progress

_DESCRIPTION = """\
Does the seed do anything? Run the program four times under one seed and once under each of some
others, and say of each line that draws random numbers whether they follow the seed, are the same
under every seed, or are others in each run. Weights, the order of the data, augmentation and
dropout are to follow it; a split of the data may well stay.

  reproaudit seeds train.py --seed-arg --seed          the program takes `--seed 1`
  reproaudit seeds train.py --seed-env SEED            it reads the variable SEED
  reproaudit seeds train.py --seed-config train.seed   it takes `train.seed=1`, as with hydra
  reproaudit seeds train.py --seed-arg --seed --epochs 2
                                                       words that are not ours are the program's
  reproaudit seeds train.py --seed-arg=--seed --seeds 7,8,0
                                                       under 7, and under 8 and 0
  reproaudit seeds train.py --timeline                 when seeds and flags are set: one run

Found are a seed that is ignored, set too late, or overwritten, by which line and library; a seed 0
that is taken for none; streams that no seed reaches; constants; workers that do not follow. A last
run under another seed draws what the first one draws, and shows what else depends on the seed."""
_EPILOG = """\
exit codes: 0 the same seed gives the same, and what ought to follow it does; 1 it does not, or the
seed changes more than what is drawn, or with --timeline something is set too late or over another
value; 2 the program could not be run, or the question was cut short and nothing is wrong so far"""
_TAKING = ("--seed-arg", "--seed-env", "--seed-config")


def seeds(words: list[str]) -> int:
    """Say what the seed of the named program reaches; return the exit code."""
    parser = make_seeds_parser()
    ours, subject, own = split_and_warn(parser, words)
    ours = join_values(ours)
    asked = read_asked(parser, ours, subject, own, example="train.py --seed-arg --seed")
    return answer(asked, answer_seeds)


def answer_seeds(asked: Asked, progress: Progress) -> AuditResult:
    """Say what the program's seed reaches, or when seeds and flags are set."""
    options, project, choices = asked.options, asked.project, asked.choices
    argument = None if options.timeline else _read_argument(options, asked.spec)
    given = _read_seeds(options.seeds)
    with hold_interrupts():
        from reproaudit.experiment.flag_timeline import read_timeline
        from reproaudit.experiment.options import AuditOptions
        from reproaudit.experiment.seed_runs import SeedOptions
        from reproaudit.experiment.seeds import find_seed_effects
        from reproaudit.runs.budget import Budget

    budget_runs, budget_s = choices.budget or (None, None)
    wanted = AuditOptions(
        subject=asked.spec,
        steps=limit_steps(choices),
        timeout_s=choices.timeout_s,
        tolerances=read_tolerances(options, project),
        budget=Budget(Budget().runs if budget_runs is None else budget_runs, budget_s),
        ignored=project.ignored,
        settings=read_settings(options, project, choices, None),
        values_mb=options.values_mb,
        show_output=options.show_output,
        shows_source=not options.no_source,
    )
    if argument is None:
        return read_timeline(wanted, progress, asked.out)
    return find_seed_effects(SeedOptions(wanted, argument, given), progress, asked.out)


def make_seeds_parser() -> Parser:
    """Return the parser of `reproaudit seeds`."""
    parser = make_question_parser("seeds", description=_DESCRIPTION, epilog=_EPILOG)
    group = parser.add_argument_group("how the program takes its seed, one of")
    group.add_argument(
        "--seed-arg",
        metavar="OPTION",
        help="its option, such as --seed; given where and in the form in which it "
        "stands among the program's arguments, such as --seed=0",
    )
    group.add_argument("--seed-env", metavar="NAME", help="a variable that it reads")
    group.add_argument(
        "--seed-config", metavar="KEY", help="a key that it takes as KEY=1 among its arguments"
    )
    group.add_argument(
        "--timeline",
        action="store_true",
        help="instead: one run, which shows by which line, and before or after what was built, "
        "seeds and determinism flags are set",
    )
    parser.add_argument(
        "--seeds",
        metavar="N,N,…",
        default="1,2,0",
        help="which seeds: the first one four times (default 1,2,0: zero is false, and often taken "
        "for no seed)",
    )
    add_inputs(parser)
    add_run_options(parser, steps="optimizer steps to look at in each run (default 10)")
    add_tolerance(parser)
    add_budget(parser)
    parser.add_argument(
        "--out", type=parse_path, metavar="DIR", help="keep the traces and logs in DIR"
    )
    add_settings(parser, seeds=False)
    add_reports(parser)
    return parser


def join_values(words: Sequence[str]) -> list[str]:
    """Return the words with `--seed-arg --seed` as one: argparse would take the value for an
    option."""
    joined: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in _TAKING and rest:
            word = f"{word}={rest.pop(0)}"
        joined.append(word)
    return joined


def _read_argument(options: argparse.Namespace, subject: SubjectSpec) -> SeedArgument:
    """Return how the program takes its seed. Raises UsageError unless it was said once."""
    said = [
        SeedArgument(place, name)
        for place, name in (
            (SeedPlace.ARGUMENT, options.seed_arg),
            (SeedPlace.VARIABLE, options.seed_env),
            (SeedPlace.KEY, options.seed_config),
        )
        if name is not None
    ]
    if len(said) != 1:
        what = "nothing says" if not said else "several options say"
        raise UsageError(
            f"{what} how the program takes its seed",
            code="usage",
            hint="one of --seed-arg --seed, --seed-env SEED, --seed-config seed",
        )
    (argument,) = said
    if not argument.name.strip():
        raise UsageError("the seed's name is empty", code="usage", hint="--seed-arg --seed")
    takes_words = subject.kind not in (SubjectKind.NOTEBOOK, SubjectKind.PYTEST)
    if argument.place is not SeedPlace.VARIABLE and not takes_words:
        raise UsageError(
            f"{subject} takes no arguments",
            code="usage",
            hint="let it read a variable, and name that: --seed-env SEED",
        )
    return argument


def _read_seeds(text: str) -> tuple[int, ...]:
    """Read the seeds: at least two, none twice."""
    try:
        found = tuple(int(seed) for seed in text.split(","))
    except ValueError:
        found = ()
    if len(found) < 2 or len(set(found)) != len(found):
        raise UsageError(
            f"cannot understand --seeds {text!r}",
            code="usage",
            hint="two or more different whole numbers: --seeds 1,2,0",
        )
    return found
