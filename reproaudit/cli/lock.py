"""`reproaudit lock`: keep what a program computes as text, for review."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reproaudit.cli.arguments import Parser, add_inputs, add_settings
from reproaudit.cli.choices import read_settings, resolve_choices
from reproaudit.cli.mistaken import split_and_warn
from reproaudit.cli.option_values import parse_path, parse_positive, parse_seconds, parse_steps
from reproaudit.cli.report_options import add_plain
from reproaudit.config.project import Choices, load_project
from reproaudit.config.settings import Settings, merge
from reproaudit.config.subject import parse_subject
from reproaudit.errors import UsageError
from reproaudit.lock.files import DESTINATION, load_to_change, save
from reproaudit.lock.model import DEFAULT_LOCK, Entry, Lock, merge_entry
from reproaudit.lock.runs import (
    Refusal,
    RunOptions,
    lock_entry,
    make_relative,
    parse_entry_subject,
)
from reproaudit.printable import make_lines_printable
from reproaudit.report.wording import name_phase
from reproaudit.runs.progress import Progress, progress_for

_DESCRIPTION = """\
Run a program three times and write what it computes to reproaudit.lock: digests of every step's \
batches, losses,
gradients and parameters and of its operators, the settings, the environment in so far as \
numerics depend on it, and
the identity of the program's own files. Commit the file: `reproaudit check` compares a later run \
with it, and a
change of numerics that is wanted shows up in the diff for review. A program that is not \
reproducible is refused.

  reproaudit lock train.py                    3 optimizer steps; joins the entries that the lock \
holds already
  reproaudit lock --seed 0 train.py --lr 0.1  our options first, then the script's own
  reproaudit lock file.py::training_step      a function as the training step
  reproaudit lock                             make every entry again; also resolves a merge \
conflict in the file
"""
_EPILOG = """\
A subject that is locked again keeps its settings and steps but for what the options change. \
Where another torch, CPU
or GPU is in use, that environment joins the entry; the same one is replaced. Under other \
settings all are replaced.

exit codes: 0 locked; 1 the program's own runs differ, so nothing was locked; 2 it could not be \
run or written"""


def lock(words: list[str]) -> int:
    """Lock the subject that the words name, or every entry again; return the exit code."""
    parser = make_lock_parser()
    ours, subject, own = split_and_warn(parser, words)
    options = parser.parse_args(ours)
    path = Path(options.lock)
    DESTINATION.try_file(path)
    held, dropped = load_to_change(path)
    entries = held.entries
    if subject is not None:
        entries = (_name_entry(options, held, subject, own),)
    if not entries:
        raise UsageError(
            "no subject was named, and there is no lock",
            code="usage",
            hint="reproaudit lock train.py",
        )
    if subject is None and read_changed_settings(options) != Settings():
        raise UsageError(
            "every entry is locked again under its own settings",
            code="usage",
            hint="name the subject to change them",
        )
    print_lines(f"dropped from the merge conflict: {line}" for line in dropped)
    code = 0
    said: list[str] = []
    for entry in entries:
        made = _make_entry(options, entry)
        if isinstance(made, Refusal):
            print_lines(_describe_refusal(entry, made))
            code = 1
            continue
        before = held
        held = merge_entry(held, made, prune=options.prune)
        said += _describe_entry(before, held, made, path)
        # Saved after each entry, so that an interruption costs one. An entry without runs comes
        # from a merge conflict; until it is made again the file stays as it is.
        if all(other.runs for other in held.entries):
            save(held, path)
            # Only what is in the file is called locked.
            print_lines(said)
            said.clear()
    save(held, path)
    print_lines(said)
    return code


def _name_entry(options: argparse.Namespace, held: Lock, subject: str, own: list[str]) -> Entry:
    """Return the subject as it is to be run.

    As the lock holds it, changed by what the options say; with --anew by the options alone.
    """
    shown = make_relative(subject, Path().absolute())
    spec = parse_subject(shown, own, options.inputs)
    project = load_project(spec.folder)
    choices = resolve_choices(options, project)
    settings = read_settings(options, project, choices, options.seed)
    inputs = spec.input_words
    entry = Entry(shown, tuple(own), inputs, settings)
    before = None if options.anew else find_entry(held, entry.name)
    if before is None:
        before = entry
    return replace(
        entry,
        settings=merge(before.settings, settings),
        steps=getattr(options, "steps", before.steps),
    )


def _make_entry(options: argparse.Namespace, entry: Entry) -> Entry | Refusal:
    with open_progress(options) as progress:
        return lock_entry(
            entry,
            parse_entry_subject(entry),
            read_run_options(options),
            progress,
            most_operators=options.ops,
        )


# What `check` shares.


def find_entry(held: Lock, name: str) -> Entry | None:
    """Return the entry of this name, None if the lock holds none."""
    for entry in held.entries:
        if entry.name == name:
            return entry
    return None


def read_changed_settings(options: argparse.Namespace) -> Settings:
    """Return what the command line changes, and only that."""
    choices = Choices(preset=options.preset)
    return read_settings(options, load_project(Path()), choices, options.seed)


def read_run_options(options: argparse.Namespace) -> RunOptions:
    """Return how runs are made, besides what an entry says."""
    return RunOptions(timeout_s=options.timeout, show_output=options.show_output)


@contextmanager
def open_progress(options: argparse.Namespace) -> Iterator[Progress]:
    """Show progress within, unless --quiet was given."""
    progress = progress_for(options.quiet, plain=options.plain)
    try:
        yield progress
    finally:
        progress.close()


def print_lines(lines: Iterable[str]) -> None:
    """Print lines at once: the next run may take long."""
    for line in lines:
        print(make_lines_printable(line), flush=True)


# What is said.


def _describe_entry(before: Lock, held: Lock, made: Entry, path: Path) -> Iterator[str]:
    """Yield what was locked, and which environments the entry holds now and no more."""
    run = made.runs[0]
    old = find_entry(before, made.name)
    now = find_entry(held, made.name)
    assert now is not None
    tensors = sum(tensor.is_deciding for tensor in run.tensors)
    operators = f"{len(run.operators)} of {run.operators_total} operators"
    is_same = old is not None and run in old.runs and old.is_run_as(made)
    ending = ", all as they were" if is_same else ""
    yield (
        f"locked: {made.name} in {path.name}: {tensors} tensors of {run.steps} steps, "
        f"{operators}{ending}"
    )
    if run.is_cut:
        yield "  operators    --ops keeps more; of later ones the tensors of each step are compared"
    held_runs = len(now.runs)
    if held_runs > 1:
        yield f"  environment  one of {held_runs} that this entry holds; check finds the nearest"
    if old is None:
        return
    replaced = any(other.environment == run.environment for other in old.runs)
    gone = len(old.runs) + 1 - held_runs - int(replaced)
    if gone > 0:
        yield f"  environment  {gone} dropped: lock there again"


def _describe_refusal(entry: Entry, refusal: Refusal) -> Iterator[str]:
    yield f"not locked: {entry.name}: {refusal.headline}"
    finding = refusal.finding
    if finding is not None:
        op = finding.op or name_phase(finding.phase)
        place = finding.location or "an unknown line"
        yield f"  what   {finding.title}"
        yield f"  where  {op}, {place}, step {finding.step}"
    yield (
        "  next   a lock of a program whose own runs differ would never hold; find out why, "
        "and repair it:"
    )
    yield f"           reproaudit {entry.name}"


def make_lock_parser() -> Parser:
    """Return the parser of `reproaudit lock` without the subject and its arguments."""
    parser = Parser(
        prog="reproaudit lock",
        usage="reproaudit lock [options] [SUBJECT [subject's arguments]]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--steps",
        type=parse_steps,
        default=argparse.SUPPRESS,
        metavar="N|all",
        help="optimizer steps to lock (default 3)",
    )
    parser.add_argument(
        "--ops",
        type=parse_positive,
        default=2000,
        metavar="N",
        help="operators kept for each environment (default 2000)",
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="drop the environments of an entry that are not made again now",
    )
    parser.add_argument(
        "--anew",
        action="store_true",
        help="forget the settings and steps that the subject was locked with before",
    )
    add_inputs(parser)
    add_lock_options(parser)
    return parser


def add_lock_options(parser: argparse.ArgumentParser) -> None:
    """Add what `lock` and `check` both take."""
    parser.add_argument(
        "--lock",
        type=parse_path,
        metavar="PATH",
        default=DEFAULT_LOCK,
        help=f"the lock file (default {DEFAULT_LOCK})",
    )
    parser.add_argument(
        "--timeout", type=parse_seconds, metavar="SECONDS", help="kill a run that takes longer"
    )
    parser.add_argument(
        "--show-output", action="store_true", help="pass the program's output through"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_plain(parser)
    add_settings(parser)
