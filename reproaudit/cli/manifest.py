"""`reproaudit manifest`, and the comparison of what two runs were made of."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reproaudit.cli.arguments import Parser, add_inputs, add_settings
from reproaudit.cli.choices import read_settings, resolve_choices
from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.mistaken import split_and_warn
from reproaudit.cli.option_values import parse_path
from reproaudit.cli.streams import say
from reproaudit.config.project import load_project
from reproaudit.config.subject import parse_subject
from reproaudit.errors import UsageError
from reproaudit.printable import make_printable
from reproaudit.report.destinations import Destination

if TYPE_CHECKING:
    from reproaudit.manifest.compare import RunComparison
    from reproaudit.manifest.model import Manifest

MANIFEST = Destination("the manifest", code="manifest-write", hint="name another file with --out")
_DOCKERFILE = Destination(
    "the Dockerfile", code="manifest-write", hint="name another folder with --dockerfile"
)
_COMPARISON = Destination("the comparison", code="report-write", hint="name another path")


def manifest(words: list[str]) -> int:
    """Write the manifest of this environment, and of a subject if one is named."""
    parser = make_manifest_parser()
    ours, subject, own = split_and_warn(parser, words)
    options = parser.parse_args(ours)
    with hold_interrupts():
        from reproaudit.manifest.document import to_json
    if options.out != "-":
        MANIFEST.try_file(Path(options.out))
    if options.dockerfile is not None:
        _require_free(Path(options.dockerfile))
    made = _read_saved(options, subject) if options.saved else _collect(options, subject, own)
    if options.dockerfile is not None:
        _write_dockerfile(made, Path(options.dockerfile))
    if options.out != "-":
        MANIFEST.write(Path(options.out), to_json(made))
    elif options.dockerfile is None:
        sys.stdout.write(to_json(made))
    for fault in made.faults:
        say(f"reproaudit: warning: {make_printable(fault)}")
    return 0


def _collect(options: argparse.Namespace, subject: str | None, own: Sequence[str]) -> Manifest:
    from reproaudit.manifest.collect import CollectOptions, collect_manifest

    spec = None if subject is None else parse_subject(subject, own, options.inputs)
    folder = Path.cwd() if spec is None else spec.folder
    project = load_project(folder)
    choices = resolve_choices(options, project)
    return collect_manifest(
        CollectOptions(
            folder=folder,
            subject=spec,
            command=subject or "",
            settings=read_settings(options, project, choices, options.seed),
            has_origin=options.origin,
        )
    )


def _read_saved(options: argparse.Namespace, subject: str | None) -> Manifest:
    from reproaudit.manifest.document import read_manifest

    if subject is not None:
        raise UsageError(
            "--from names a manifest, which has its subject", code="usage", hint="leave one out"
        )
    return read_manifest(Path(options.saved))


def _require_free(folder: Path) -> None:
    """Raise UsageError if a file that is to be written is there already, or cannot be made."""
    from reproaudit.manifest.dockerfile import DOCKERFILE, LOCK, PATCH

    _DOCKERFILE.try_folder(folder)
    for name in (DOCKERFILE, LOCK, PATCH):
        if os.path.lexists(folder / name):
            raise UsageError(
                f"{str(folder / name)!r} is there already",
                code="out-exists",
                hint="name another folder with --dockerfile",
            )


def _write_dockerfile(made: Manifest, folder: Path) -> None:
    from reproaudit.manifest.dockerfile import write_files

    for name, text in write_files(made).items():
        _DOCKERFILE.write(folder / name, text)


def make_manifest_parser() -> Parser:
    """Return the parser of the command, also without the subject."""
    parser = Parser(
        prog="reproaudit manifest",
        usage="reproaudit manifest [options] [SUBJECT [subject's arguments]]",
        allow_abbrev=False,
        description="Write what a run here would be made of, as JSON: commit and uncommitted "
        "changes, installed packages, hardware, settings, container. Two are compared by "
        "`reproaudit compare A B`. Of the environment only variables that change numbers are "
        "kept. Uncommitted changes are kept as they are: look at them before you give a manifest "
        "away.",
    )
    parser.add_argument(
        "--out", type=parse_path, metavar="FILE", default="-", help="where to (default -, stdout)"
    )
    parser.add_argument(
        "--dockerfile",
        type=parse_path,
        metavar="DIR",
        help="write a Dockerfile and requirements.lock, pinned by what is installed, and the "
        "uncommitted changes; they say what they cannot pin",
    )
    parser.add_argument(
        "--from",
        dest="saved",
        type=parse_path,
        metavar="FILE",
        help="take a saved manifest in place of this environment, for --dockerfile",
    )
    parser.add_argument("--origin", action="store_true", help="add the time and the host's name")
    add_inputs(parser)
    add_settings(parser)
    return parser


def compare_manifests(options: argparse.Namespace) -> int:
    """Compare two manifests; return 0 if nothing differs and 1 if something does."""
    names: list[str] = options.traces
    check_run_options(options)
    from reproaudit.manifest.compare import compare_runs
    from reproaudit.manifest.document import read_manifest
    from reproaudit.manifest.facts import list_manifest_facts

    if len(names) != 2:
        raise UsageError(
            f"{len(names)} manifests were named, and two are compared",
            code="usage",
            hint="name two",
        )
    first, second = (list_manifest_facts(read_manifest(Path(name)), name) for name in names)
    return show_comparison(compare_runs(first, second), options.report)


def show_comparison(comparison: RunComparison, reports: Sequence[tuple[str, str]]) -> int:
    """Write the reports of a comparison, and its text to stdout unless one of them goes there."""
    from reproaudit.manifest.report import write_comparison_json, write_comparison_text

    for _, path in reports:
        if path != "-":
            _COMPARISON.write(Path(path), write_comparison_json(comparison))
    is_json = any(path == "-" for _, path in reports)
    write = write_comparison_json if is_json else write_comparison_text
    sys.stdout.write(write(comparison))
    return 1 if comparison.differences else 0


def check_run_options(options: argparse.Namespace) -> None:
    """Refuse what a comparison of two runs does not take, and what cannot be written."""
    if options.tolerance:
        raise UsageError(
            "--tolerance is about tensors, and what is compared here are facts",
            code="usage",
            hint="leave it out, or name two traces",
        )
    if options.track:
        raise UsageError(
            "--track logs the result of an audit, and a comparison of two runs is none",
            code="usage",
            hint="leave it out; --report json=PATH writes the comparison",
        )
    for name, path in options.report:
        if name != "json":
            raise UsageError(
                f"a comparison of two runs has no {name} report",
                code="usage",
                hint="--report json=PATH is there; without it, text goes to standard output",
            )
        if path != "-":
            _COMPARISON.try_file(Path(path))
