"""`reproaudit lock` and `reproaudit check`: keep what a program computes as text, and compare a
later run with it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reproaudit.cli.arguments import Parser, add_settings, positive, seconds, split, steps
from reproaudit.cli.audit import choices_of, project_of, settings_of
from reproaudit.config.project import Choices, load_project
from reproaudit.config.settings import Settings, merge
from reproaudit.config.subject import parse_subject
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.lock.check import exit_code
from reproaudit.lock.files import load, load_to_change, save
from reproaudit.lock.model import DEFAULT_LOCK, Entry, Lock, merged
from reproaudit.lock.render import to_document, to_lines
from reproaudit.lock.runs import (
    Refusal,
    RunOptions,
    check_entry,
    lock_entry,
    relative_to,
    subject_of,
)
from reproaudit.report.output import write
from reproaudit.report.wording import phase_word
from reproaudit.runs.progress import Progress, progress_for

_LOCK_DESCRIPTION = """\
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
_LOCK_EPILOG = """\
A subject that is locked again keeps its settings and steps but for what the options change. \
Where another torch, CPU
or GPU is in use, that environment joins the entry; the same one is replaced. Under other \
settings all are replaced.

exit codes: 0 locked; 1 the program's own runs differ, so nothing was locked; 2 it could not be \
run or written"""
_CHECK_DESCRIPTION = """\
Run what reproaudit.lock holds once more, as it was locked, and compare: equal; or different, and \
then which operator
first, and whether the code, the settings or the environment changed; or not comparable here. \
Start it in the folder
where the lock was made.

  reproaudit check                            every entry of the lock
  reproaudit check train.py                   the entries of one subject
  reproaudit check --threads 1 train.py       the same under a changed setting: does it matter?
  reproaudit check --json result.json         the outcome for machines; - is stdout
"""
_CHECK_EPILOG = """\
exit codes: 0 equal; 1 something that the lock holds is computed differently; 2 not comparable \
here, or no lock"""


def lock(words: list[str]) -> int:
    """Lock the subject that the words name, or every entry again; return the exit code."""
    parser = lock_parser()
    ours, subject, own = split(parser, words)
    options = parser.parse_args(ours)
    path = Path(options.lock)
    held, dropped = load_to_change(path)
    entries = held.entries if subject is None else (_named_entry(options, held, subject, own),)
    if not entries:
        raise UsageError(
            "no subject was named, and there is no lock",
            code="usage",
            hint="reproaudit lock train.py",
        )
    if subject is None and _own_settings(options) != Settings():
        raise UsageError(
            "every entry is locked again under its own settings",
            code="usage",
            hint="name the subject to change them",
        )
    _print(f"dropped from the merge conflict: {line}" for line in dropped)
    code = 0
    for entry in entries:
        made = _made(options, entry)
        if isinstance(made, Refusal):
            _print(_refused(entry, made))
            code = 1
        else:
            before, held = held, merged(held, made, prune=options.prune)
            _print(_locked(before, held, made, path))
            if all(entry.runs for entry in held.entries):
                save(held, path)
    save(held, path)
    return code


def check(words: list[str]) -> int:
    """Compare a run of each wanted entry with the lock; return the exit code."""
    parser = check_parser()
    ours, subject, own = split(parser, words)
    options = parser.parse_args(ours)
    path = Path(options.lock)
    held = load(path)
    entries = held.entries if subject is None else _chosen(held, subject, own, path.name)
    if not entries:
        raise UsageError(
            f"{path.name} holds no entry",
            code="lock-entry",
            hint="make one: reproaudit lock SUBJECT",
        )
    change = _own_settings(options)
    results = []
    for entry in entries:
        with _progress(options) as progress:
            results.append(
                check_entry(entry, merge(entry.settings, change), _run_options(options), progress)
            )
    code = exit_code(results)
    if options.json:
        _write_json(
            options.json, json.dumps(to_document(results, path.name, code), indent=1) + "\n"
        )
    if options.json != "-":
        for number, result in enumerate(results):
            _print((*([""] if number else []), *to_lines(result, path.name)))
    return code


# -- what is made
# ----------------------------------------------------------------------------------------------------


def _named_entry(options: argparse.Namespace, held: Lock, subject: str, own: list[str]) -> Entry:
    """Return the subject as it is to be run: as the lock holds it, changed by what the options say."""
    shown = relative_to(subject, Path().absolute())
    spec = parse_subject(shown, own, options.inputs)
    project = project_of(spec)
    settings = settings_of(options, project, choices_of(options, project), options.seed)
    entry = Entry(shown, tuple(own), tuple(map(str, spec.inputs)), settings)
    before = next(
        (other for other in held.entries if other.name == entry.name and not options.anew), entry
    )
    return replace(
        entry,
        settings=merge(before.settings, settings),
        steps=getattr(options, "steps", before.steps),
    )


def _own_settings(options: argparse.Namespace) -> Settings:
    """Return what the command line changes, and only that."""
    return settings_of(options, load_project(Path()), Choices(preset=options.preset), options.seed)


def _made(options: argparse.Namespace, entry: Entry) -> Entry | Refusal:
    with _progress(options) as progress:
        return lock_entry(
            entry, subject_of(entry), _run_options(options), progress, most_operators=options.ops
        )


def _chosen(held: Lock, subject: str, own: list[str], name: str) -> tuple[Entry, ...]:
    found = held.of_subject(relative_to(subject, Path().absolute()), own)
    if not found:
        wanted = " ".join((subject, *own))
        raise UsageError(
            f"{name} holds no entry of {wanted!r}",
            code="lock-entry",
            hint=did_you_mean(wanted, [entry.name for entry in held.entries])
            or f"make one: reproaudit lock {wanted}",
        )
    return found


def _run_options(options: argparse.Namespace) -> RunOptions:
    return RunOptions(timeout_s=options.timeout, show_output=options.show_output)


@contextmanager
def _progress(options: argparse.Namespace) -> Iterator[Progress]:
    progress = progress_for(options.quiet)
    try:
        yield progress
    finally:
        progress.close()


# -- what is said
# ----------------------------------------------------------------------------------------------------


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _locked(before: Lock, held: Lock, made: Entry, path: Path) -> Iterator[str]:
    run = made.runs[0]
    old = next((entry for entry in before.entries if entry.name == made.name), None)
    now = next(entry for entry in held.entries if entry.name == made.name)
    same = old is not None and any(run == other for other in old.runs)
    yield (
        f"locked: {made.name} in {path.name}: {sum(t.is_deciding for t in run.tensors)} tensors "
        f"of {run.steps} steps, {len(run.operators)} of {run.operators_total} operators"
        + (", all as they were" if same and old is not None and old.is_run_as(made) else "")
    )
    if run.is_cut:
        yield "  operators    --ops keeps more; of later ones the tensors of each step are compared"
    if len(now.runs) > 1:
        yield f"  environment  one of {len(now.runs)} that this entry holds; check finds the nearest"
    gone = (
        len(old.runs) + 1 - len(now.runs) - any(r.environment == run.environment for r in old.runs)
        if old
        else 0
    )
    if gone > 0:
        yield f"  environment  {gone} dropped: lock there again"


def _refused(entry: Entry, refusal: Refusal) -> Iterator[str]:
    yield f"not locked: {entry.name}: {refusal.headline}"
    finding = refusal.finding
    if finding is not None:
        yield f"  what   {finding.title}"
        yield f"  where  {finding.op or phase_word(finding.phase)}, {finding.location or 'an unknown line'}, step {finding.step}"
    yield "  next   a lock of a program whose own runs differ would never hold; find out why, and repair it:"
    yield f"           reproaudit {entry.name}"


def _write_json(target: str, text: str) -> None:
    if target == "-":
        sys.stdout.write(text)
    else:
        write(Path(target), text)


# -- options
# ---------------------------------------------------------------------------------------------------------


def lock_parser() -> argparse.ArgumentParser:
    """Return the parser of `reproaudit lock` without the subject and its arguments."""
    parser = Parser(
        prog="reproaudit lock",
        usage="reproaudit lock [options] [SUBJECT [subject's arguments]]",
        description=_LOCK_DESCRIPTION,
        epilog=_LOCK_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--steps",
        type=steps,
        default=argparse.SUPPRESS,
        metavar="N|all",
        help="optimizer steps to lock (default 3)",
    )
    parser.add_argument(
        "--ops",
        type=positive,
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
    parser.add_argument(
        "--inputs",
        action="append",
        default=[],
        metavar="SPEC",
        help="inputs of a module: float32[8,3,32,32]",
    )
    _shared(parser)
    return parser


def check_parser() -> argparse.ArgumentParser:
    """Return the parser of `reproaudit check`, also without the subject."""
    parser = Parser(
        prog="reproaudit check",
        usage="reproaudit check [options] [SUBJECT [subject's arguments]]",
        description=_CHECK_DESCRIPTION,
        epilog=_CHECK_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", metavar="PATH", help="write the outcome as JSON; - is stdout")
    _shared(parser)
    return parser


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lock",
        metavar="PATH",
        default=DEFAULT_LOCK,
        help=f"the lock file (default {DEFAULT_LOCK})",
    )
    parser.add_argument(
        "--timeout", type=seconds, metavar="SECONDS", help="kill a run that takes longer"
    )
    parser.add_argument(
        "--show-output", action="store_true", help="pass the program's output through"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_settings(parser)
