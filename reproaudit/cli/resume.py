"""`reproaudit resume SUBJECT --at STEP`: does a run that goes on from a checkpoint equal one that
nothing interrupts?"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from reproaudit.cli.arguments import Parser, add_run_options, add_settings, add_tolerance
from reproaudit.cli.choices import (
    find_whole_limit,
    limit_steps,
    read_settings,
    read_tolerances,
)
from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.mistaken import split_and_warn
from reproaudit.cli.option_values import parse_path, parse_positive
from reproaudit.cli.questions import (
    Asked,
    answer,
    make_question_parser,
    read_asked,
)
from reproaudit.cli.report_options import add_reports
from reproaudit.config.plan import StopWay
from reproaudit.errors import UsageError

if TYPE_CHECKING:
    from reproaudit.experiment.resume_runs import ResumeOptions
    from reproaudit.model.result import AuditResult
    from reproaudit.runs.progress import Progress

_DESCRIPTION = """\
Run the program through, twice; run it until it is stopped; and go on from the checkpoint that it \
has left. Compare
the rest bit for bit, batches included: equal, or the first tensor and operator that differ, and \
which state was lost.

  reproaudit resume train.py --at 6           stopped after 6 optimizer steps; started again, it \
looks for its
                                              checkpoint itself
  reproaudit resume --at 6 --resume-args "--resume last.pt" train.py --lr 0.1
                                              what is to be added to go on; here to `--lr 0.1`
  reproaudit resume --at 6 --resume-args "--resume {checkpoint}" train.py
                                              {checkpoint} is the newest file that it wrote
  reproaudit resume --stop-args "--until 6 --save half.pt" \\
      --resume-args "--load half.pt" train.py the first part ends by itself, with arguments of \
its own
  reproaudit resume train.py --at 6 --stop-by sigterm
                                              it is sent SIGTERM, and may save before it ends

Each run works in a copy of the project: the uninterrupted ones see no checkpoint, and your folder \
stays as it is.
"""
_EPILOG = """\
exit codes: 0 the resumed run is equal, or within the tolerance asked for; 1 it differs, lacks \
state, or did not
resume, or the program differs from run to run as it is; 2 not compared: the program could not be \
stopped, left no
checkpoint, or failed"""
_TAIL_STEPS = "10, or to the end of a script that is over within 30 s"


def resume(words: list[str]) -> int:
    """Compare a resumed run of the subject that the words name; return the exit code."""
    parser = make_resume_parser()
    ours, subject, own = split_and_warn(parser, words)
    asked = read_asked(parser, ours, subject, own, example="train.py --at 6")
    return answer(asked, answer_resume)


def answer_resume(asked: Asked, progress: Progress) -> AuditResult:
    """Compare a resumed run with uninterrupted ones."""
    with hold_interrupts():
        from reproaudit.experiment.resume import resume as compare_resumed

    return compare_resumed(_make_options(asked), progress, asked.out)


def _make_options(asked: Asked) -> ResumeOptions:
    options = asked.options
    if options.at is None and options.stop_args is None:
        raise UsageError(
            "nothing says when the program is to be stopped",
            code="usage",
            hint="--at STEP counts optimizer steps; or --stop-args 'ARGUMENTS' with which it ends "
            "early by itself",
        )
    with hold_interrupts():
        from reproaudit.experiment.options import AuditOptions
        from reproaudit.experiment.resume_runs import ResumeOptions
        from reproaudit.runs.budget import Budget

    project, choices = asked.project, asked.choices
    budget_runs, budget_s = choices.budget or (None, None)
    audit = AuditOptions(
        subject=asked.spec,
        steps=limit_steps(choices),
        whole_within_s=find_whole_limit(choices, asked.spec),
        timeout_s=choices.timeout_s,
        tolerances=read_tolerances(options, project),
        ignored=project.ignored,
        settings=read_settings(options, project, choices, options.seed),
        values_mb=options.values_mb,
        diagnose=not options.no_diagnosis,
        budget=Budget(budget_runs or Budget().runs, budget_s),
        show_output=options.show_output,
        shows_source=not options.no_source,
    )
    return ResumeOptions(
        audit=audit,
        at=options.at,
        way=StopWay(options.stop_by),
        stop_args=_split(options.stop_args, "--stop-args"),
        resume_args=_split(options.resume_args, "--resume-args"),
    )


def _split(text: str | None, option: str) -> tuple[str, ...]:
    """Return the words of a text, as a shell reads them."""
    try:
        return tuple(shlex.split(text or ""))
    except ValueError as error:
        raise UsageError(
            f"cannot understand {option} {text!r}: {error}",
            code="usage",
            hint=f"quote it as for a shell: {option} '--resume \"my file.pt\"'",
        ) from None


def make_resume_parser() -> Parser:
    """Return the parser of `reproaudit resume` without the subject and its arguments."""
    parser = make_question_parser("resume", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument(
        "--at",
        type=parse_positive,
        metavar="STEP",
        help="stop the program when it has made so many optimizer steps",
    )
    parser.add_argument(
        "--stop-by",
        choices=[way.value for way in StopWay],
        default=StopWay.CHECKPOINT.value,
        help="checkpoint (default): as it is about to make a step more, so that it has saved what "
        "it saves at that step; exception: at once when the step is made, by an exception that "
        "`except Exception` does not catch; sigterm: by the signal, which it may answer",
    )
    parser.add_argument(
        "--resume-args",
        metavar="WORDS",
        help="added to the subject's arguments to go on; {checkpoint} stands for the newest file "
        "that the stopped run wrote",
    )
    parser.add_argument(
        "--stop-args",
        metavar="WORDS",
        help="added to the subject's arguments in the run that is stopped; without --at it ends "
        "by itself",
    )
    parser.add_argument("--no-diagnosis", action="store_true", help="only compare: no cause")
    add_run_options(parser, steps=f"steps to compare after that (default: {_TAIL_STEPS})")
    add_tolerance(parser)
    add_reports(parser)
    parser.add_argument(
        "--out", type=parse_path, metavar="DIR", help="keep the traces and logs in DIR"
    )
    add_settings(parser)
    return parser
