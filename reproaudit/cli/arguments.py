"""The options of every command, and where ours end and the subject's arguments begin."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from reproaudit import __version__
from reproaudit.cli.effort import add_effort_options
from reproaudit.cli.execution import add_execution
from reproaudit.cli.help_text import AUDIT_DESCRIPTION, AUDIT_EPILOG
from reproaudit.cli.option_values import (
    parse_amount,
    parse_assignment,
    parse_path,
    parse_positive,
    parse_seconds,
    parse_steps,
    parse_switch,
    parse_workspace,
)
from reproaudit.cli.report_options import add_reports
from reproaudit.config.command import is_command
from reproaudit.config.subject import join_subject
from reproaudit.errors import UsageError

_STEPS = (
    "optimizer steps to audit (default: 10; a script that is over within 30 s is audited to its "
    "end)"
)


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are errors like all others."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, code="usage", hint=f"see {self.prog} --help")

    def list_options(self) -> dict[str, argparse.Action]:
        """Return what each option does by each of its names, such as "--seed"."""
        # argparse offers no public way to ask what a parser knows.
        return {name: action for action in self._actions for name in action.option_strings}


def add_settings(parser: argparse.ArgumentParser, *, seeds: bool = True) -> None:
    """Add the options that change one thing of a run each; --seed only if `seeds`."""
    group = parser.add_argument_group(
        "settings", "by default a run observes the program as it is; nothing is seeded"
    )
    if seeds:
        group.add_argument(
            "--seed", type=int, metavar="N", help="seed Python, NumPy and torch (CPU and CUDA)"
        )
    group.add_argument("--hash-seed", type=int, metavar="N", help="start with PYTHONHASHSEED=N")
    group.add_argument(
        "--deterministic",
        nargs="?",
        const="error",
        choices=("error", "warn"),
        help="torch.use_deterministic_algorithms(True); --deterministic=warn only warns (default "
        "when given: error)",
    )
    group.add_argument(
        "--cudnn-benchmark",
        type=parse_switch,
        metavar="on|off",
        help="torch.backends.cudnn.benchmark",
    )
    group.add_argument(
        "--cudnn-deterministic",
        type=parse_switch,
        metavar="on|off",
        help="torch.backends.cudnn.deterministic",
    )
    group.add_argument(
        "--tf32", type=parse_switch, metavar="on|off", help="TF32 in matmul and cuDNN"
    )
    group.add_argument(
        "--threads", type=parse_positive, metavar="N", help="intra-op threads of torch"
    )
    group.add_argument(
        "--fill-uninitialized",
        type=parse_switch,
        metavar="on|off",
        help="fill new memory with a pattern; needs --deterministic",
    )
    group.add_argument(
        "--cublas-workspace",
        type=parse_workspace,
        metavar="VALUE",
        help="start with CUBLAS_WORKSPACE_CONFIG=VALUE, such as :4096:8",
    )
    group.add_argument(
        "--env",
        type=parse_assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a variable (repeatable)",
    )
    group.add_argument("--device", choices=("cpu", "cuda"), help="for subjects that take a device")
    group.add_argument(
        "--intervene",
        action="append",
        default=[],
        metavar="ID",
        help="change the program from outside, such as hash.seed or threads.one (repeatable; see: "
        "reproaudit explain)",
    )
    group.add_argument(
        "--preset",
        metavar="NAME",
        help="settings named in [tool.reproaudit.presets] of pyproject.toml",
    )


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add --inputs."""
    parser.add_argument(
        "--inputs",
        action="append",
        default=[],
        metavar="SPEC",
        help="what a module or a callable is given: float32[8,3,32,32], FILE.py::NAME that "
        "makes it, or FILE.pt",
    )


def add_run_options(parser: argparse.ArgumentParser, *, steps: str = _STEPS) -> None:
    """Add how far a run goes and what is kept and shown of it; `steps` is the help of --steps."""
    parser.add_argument(
        "--steps", type=parse_steps, default=argparse.SUPPRESS, metavar="N|all", help=steps
    )
    parser.add_argument(
        "--timeout", type=parse_seconds, metavar="SECONDS", help="kill a run that takes longer"
    )
    parser.add_argument(
        "--values-mb",
        type=parse_amount,
        default=64,
        metavar="MB",
        help="tensor values kept per run for element-wise comparison (default 64)",
    )
    parser.add_argument(
        "--show-output", action="store_true", help="pass the program's output through"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")


def make_audit_parser() -> Parser:
    """Return the parser of `reproaudit SUBJECT`.

    It knows neither the subject nor the subject's arguments: see `split_words`.
    """
    parser = Parser(
        prog="reproaudit",
        usage="reproaudit [options] SUBJECT [options] [subject's arguments]",
        description=AUDIT_DESCRIPTION,
        epilog=AUDIT_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"reproaudit {__version__}")
    add_audit_options(parser)
    add_inputs(parser)
    parser.add_argument("--seeds", metavar="N,N,…", help="audit once under each of these seeds")
    parser.add_argument(
        "--repro",
        type=parse_path,
        metavar="DIR",
        help="write a stand-alone script that shows the first kernel finding",
    )
    add_reports(parser)
    parser.add_argument(
        "--out", type=parse_path, metavar="DIR", help="keep the traces and logs in DIR"
    )
    return parser


def add_audit_options(parser: argparse.ArgumentParser) -> None:
    """Add what every audit takes, of one subject or of all configured ones."""
    parser.add_argument(
        "--runs", type=parse_positive, metavar="N", help="fresh runs to compare (default 5)"
    )
    add_run_options(parser)
    add_tolerance(parser)
    parser.add_argument(
        "--no-alerts",
        action="store_true",
        help="skip the run that finds ops refused by use_deterministic_algorithms",
    )
    parser.add_argument(
        "--fresh-copy",
        action="store_true",
        help="give each run a copy of the repository as it is now, or else of the working folder, "
        "and an empty temporary folder",
    )
    add_execution(parser)
    add_effort_options(parser)
    add_settings(parser)


def add_tolerance(parser: argparse.ArgumentParser) -> None:
    """Add --tolerance."""
    parser.add_argument(
        "--tolerance",
        action="append",
        default=[],
        metavar="SPEC",
        help="what counts as equal (repeatable): bitwise (default), rtol=1e-5,atol=1e-8, ulp=4; "
        "for a dtype, 'float32:ulp=4;bfloat16:ulp=2'; for tensors, 'gradient:layers.*:ulp=4' or "
        "'*.bias:ulp=4' (a kind, *, ? or a dot makes it a pattern of names)",
    )


def make_record_parser() -> Parser:
    """Return the parser of `reproaudit record`, also without the subject."""
    parser = Parser(
        prog="reproaudit record",
        usage="reproaudit record [options] SUBJECT [subject's arguments]",
        allow_abbrev=False,
        description="Run the subject once and keep its trace; its own output passes through "
        "untouched.",
    )
    parser.add_argument(
        "--level",
        choices=("boundary", "operation"),
        default="boundary",
        help="what to record (default boundary)",
    )
    parser.add_argument(
        "--out",
        type=parse_path,
        metavar="DIR",
        default="reproaudit-trace",
        help="where the trace goes (default reproaudit-trace)",
    )
    add_inputs(parser)
    add_run_options(parser, steps="optimizer steps to record (default 10)")
    add_settings(parser)
    return parser


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a command line: ours before the subject and behind it, and the subject's own.

    `is_parted`: a `--` stood among them, so that nobody can be mistaken.
    """

    before: tuple[str, ...] = ()
    subject: str | None = None
    behind: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    is_parted: bool = False


def split_words(parser: Parser, words: Sequence[str]) -> tuple[list[str], str | None, list[str]]:
    """Split the command line into our options, the subject, and the subject's arguments.

    Raises UsageError for an unknown option before the subject.
    """
    parted = part_words(parser, words)
    return [*parted.before, *parted.behind], parted.subject, list(parted.own)


def part_words(parser: Parser, words: Sequence[str]) -> Words:
    """Say whose each word of the command line is.

    Ours stand before the subject and directly behind it; from the first word that is not ours, or
    from `--`, all words are the subject's. The subject is None if none was named. Raises UsageError
    for an unknown option before the subject.
    """
    options = parser.list_options()
    before: list[str] = []
    behind: list[str] = []
    subject: str | None = None
    rest = list(words)
    while rest:
        ours = before if subject is None else behind
        word = rest.pop(0)
        if word == "--":
            if subject is None and rest:
                subject, rest[:] = join_subject(rest)
            return Words(tuple(before), subject, tuple(behind), tuple(rest), is_parted=True)
        name, equals, _ = word.partition("=")
        if word.startswith("-") and name in options:
            ours.append(word)
            # Only an option that must have a value takes the next word: behind others, such as
            # `--deterministic`, the next word may be the subject.
            takes_next_word = options[name].nargs is None and not equals
            if takes_next_word and rest:
                ours.append(rest.pop(0))
        elif subject is not None:
            return Words(tuple(before), subject, tuple(behind), (word, *rest))
        elif word == "-m" and rest:
            subject = f"{word} {rest.pop(0)}"
        elif word.startswith("-"):
            raise UsageError(
                f"unknown option {word!r}",
                code="usage",
                hint=_suggest_option(parser, name),
            )
        else:
            subject = word
            if is_command(word, Path.cwd()):
                # Whatever stands behind a command is its own, as on a shell's command line.
                return Words(tuple(before), subject, own=tuple(rest), is_parted=True)
    return Words(tuple(before), subject, tuple(behind))


def _suggest_option(parser: Parser, name: str) -> str:
    hint = f"see {parser.prog} --help; the subject's own options stand behind it"
    near = difflib.get_close_matches(name, parser.list_options(), n=1, cutoff=0.6)
    if near:
        hint = f"did you mean {near[0]!r}? The subject's own options stand behind it"
    return hint
