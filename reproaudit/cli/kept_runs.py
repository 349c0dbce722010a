"""What `reproaudit record --track` keeps beside a run: its manifest and its tensors' digests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reproaudit.cli.arguments import Parser, make_record_parser
from reproaudit.cli.streams import say
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectSpec
from reproaudit.errors import ReproauditError, UsageError, did_you_mean
from reproaudit.printable import make_printable
from reproaudit.track.registry import Wanted, read_wanted
from reproaudit.track.tracked_run import DIGESTS_FILE, MANIFEST_FILE, NAMES_FILE, READERS


def make_keeping_parser() -> Parser:
    """Return the parser of `reproaudit record`, with --track as it means it."""
    parser = make_record_parser()
    parser.add_argument(
        "--track",
        action="append",
        default=[],
        metavar="TRACKER[=PLACE]",
        help=f"also keep a manifest and the digests of all tensors beside a run of "
        f"{' or '.join(READERS)}, for `reproaudit compare` (repeatable): the run that the "
        "tracker's own variable names, such as MLFLOW_RUN_ID, else a new one",
    )
    return parser


def read_keepers(words: Sequence[str]) -> tuple[Wanted, ...]:
    """Read the trackers beside whose runs a recording is kept. Raises UsageError."""
    wanted = read_wanted(words)
    for one in wanted:
        if one.tracker not in READERS:
            raise UsageError(
                f"{one.tracker} has no runs that are read back",
                code="usage",
                hint=did_you_mean(one.tracker, READERS),
            )
    return wanted


def make_kept_manifest(subject: SubjectSpec, command: str, settings: Settings) -> bytes:
    """Return the manifest of a run that is about to begin: it may change its own files."""
    from reproaudit.manifest.collect import CollectOptions, collect_manifest
    from reproaudit.manifest.document import to_json

    made = collect_manifest(CollectOptions(subject.folder, subject, command, settings))
    return to_json(made).encode("ascii")


def keep_recording(wanted: Sequence[Wanted], manifest: bytes, trace: Path, command: str) -> None:
    """Keep a manifest and the digests of a trace beside a run of each tracker, and say where.

    What cannot be kept is a warning: the recording is there all the same.
    """
    from reproaudit.track.tracked_apart import keep_apart

    files = {MANIFEST_FILE: manifest}
    try:
        files |= _read_digests(trace)
    except ReproauditError as error:
        say(make_printable(f"reproaudit: warning: no digests are kept: {error.message}"))
    for one in wanted:
        attempt = keep_apart(one, f"reproaudit record {command}", files)
        for logged in attempt.logged:
            name = f"{one.tracker}:{logged.run}"
            say(make_printable(f"reproaudit: kept beside {name}; reproaudit compare reads it"))
        if attempt.failure:
            failure = f"nothing was kept in {one.tracker}: {attempt.failure} [track-failed]"
            say(make_printable(f"reproaudit: warning: {failure}"))


def _read_digests(trace: Path) -> dict[str, bytes]:
    """Return the digests of a trace's tensors, and their names. Raises TraceError."""
    from reproaudit.comparison.run_tree import list_leaves, make_tree
    from reproaudit.comparison.tensor_names import list_names
    from reproaudit.trace.runs import open_run

    run = open_run(trace, 0)
    if run.lacks_events:
        # Whoever compares would take the end that is missing for a difference.
        say("reproaudit: warning: no digests are kept: the trace lacks events")
        return {}
    leaves = list_leaves(run)
    return {
        DIGESTS_FILE: make_tree(leaves).to_bytes(),
        NAMES_FILE: list_names(leaves).to_bytes(),
    }
