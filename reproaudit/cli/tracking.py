"""The option that says which experiment trackers are told of a result."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reproaudit.cli.streams import say
from reproaudit.printable import make_printable
from reproaudit.track.registry import NONE, TRACKERS, Wanted

if TYPE_CHECKING:
    from reproaudit.model.result import AuditResult


def add_track(parser: argparse.ArgumentParser) -> None:
    """Add --track."""
    parser.add_argument(
        "--track",
        action="append",
        default=[],
        metavar="TRACKER[=PLACE]",
        help=f"also log the result to {', '.join(TRACKERS)}, or {NONE} (repeatable); PLACE is an "
        "experiment, a project or a folder",
    )


def track(
    results: Sequence[AuditResult],
    wanted: Sequence[Wanted],
    accepted: frozenset[str] = frozenset(),
) -> bool:
    """Log the results into each tracker and say where; return False if that was interrupted.

    A tracker that fails costs a line on standard error and nothing else.
    """
    if not wanted:
        return True
    # Only where it is asked for: it brings what reads and writes results.
    from reproaudit.track.apart import log_apart

    for one in wanted:
        try:
            attempt = log_apart(results, one, accepted)
        except KeyboardInterrupt:
            say(f"reproaudit: interrupted while logging to {one.tracker}; the answer stands")
            return False
        for logged in attempt.logged:
            where = f": {logged.place}" if logged.place else ""
            say(make_printable(f"reproaudit: logged to {one.tracker} as {logged.run}{where}"))
        if attempt.failure:
            failure = f"not logged to {one.tracker}: {attempt.failure} [track-failed]"
            say(make_printable(f"reproaudit: warning: {failure}"))
    return True
