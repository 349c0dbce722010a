"""`reproaudit check`: run what a lock holds once more, and compare."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from reproaudit.cli.arguments import Parser
from reproaudit.cli.lock import (
    add_lock_options,
    open_progress,
    print_lines,
    read_changed_settings,
    read_run_options,
)
from reproaudit.cli.mistaken import split_and_warn
from reproaudit.cli.option_values import parse_path
from reproaudit.config.settings import merge
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.lock.check import CheckResult, choose_exit_code
from reproaudit.lock.files import load
from reproaudit.lock.model import Entry, Lock
from reproaudit.lock.render import to_document, to_lines
from reproaudit.lock.runs import check_entry, make_relative
from reproaudit.report.destinations import Destination, Failures

_DESCRIPTION = """\
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
_EPILOG = """\
exit codes: 0 equal; 1 something that the lock holds is computed differently; 2 not comparable \
here, or no lock"""
_OUTCOME = Destination("the outcome", code="report-write", hint="name another path with --json")


def check(words: list[str]) -> int:
    """Compare a run of each wanted entry with the lock; return the exit code."""
    parser = make_check_parser()
    ours, subject, own = split_and_warn(parser, words)
    options = parser.parse_args(ours)
    if options.json is not None and options.json != "-":
        _OUTCOME.try_file(Path(options.json))
    path = Path(options.lock)
    held = load(path)
    entries = held.entries
    if subject is not None:
        entries = _choose_entries(held, subject, own, path.name)
    if not entries:
        raise UsageError(
            f"{path.name} holds no entry",
            code="lock-entry",
            hint="make one: reproaudit lock SUBJECT",
        )
    results = _check_entries(options, entries)
    code = choose_exit_code(results)
    failures = Failures()
    if options.json is not None:
        document = to_document(results, path.name, code)
        with failures.put_off():
            _write_json(options.json, json.dumps(document, indent=1) + "\n")
    if options.json != "-":
        for number, result in enumerate(results):
            if number:
                print()
            print_lines(to_lines(result, path.name))
    failures.raise_any()
    return code


def _check_entries(options: argparse.Namespace, entries: tuple[Entry, ...]) -> list[CheckResult]:
    change = read_changed_settings(options)
    run_options = read_run_options(options)
    results = []
    for entry in entries:
        settings = merge(entry.settings, change)
        with open_progress(options) as progress:
            results.append(check_entry(entry, settings, options=run_options, progress=progress))
    return results


def _choose_entries(held: Lock, subject: str, own: list[str], name: str) -> tuple[Entry, ...]:
    """Return the entries of a subject. Raises UsageError if the lock holds none."""
    found = held.of_subject(make_relative(subject, Path().absolute()), own)
    if not found:
        wanted = " ".join((subject, *own))
        similar = did_you_mean(wanted, [entry.name for entry in held.entries])
        raise UsageError(
            f"{name} holds no entry of {wanted!r}",
            code="lock-entry",
            hint=similar or f"make one: reproaudit lock {wanted}",
        )
    return found


def _write_json(target: str, text: str) -> None:
    if target == "-":
        sys.stdout.write(text)
    else:
        _OUTCOME.write(Path(target), text)


def make_check_parser() -> Parser:
    """Return the parser of `reproaudit check`, also without the subject."""
    parser = Parser(
        prog="reproaudit check",
        usage="reproaudit check [options] [SUBJECT [subject's arguments]]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--json", type=parse_path, metavar="PATH", help="write the outcome as JSON; - is stdout"
    )
    add_lock_options(parser)
    return parser
