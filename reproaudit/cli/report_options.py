"""The options that say where an answer goes and how it is shown."""

from __future__ import annotations

import argparse

from reproaudit.cli.option_values import parse_assignment
from reproaudit.cli.tracking import add_track
from reproaudit.report import formats


def add_reports(parser: argparse.ArgumentParser) -> None:
    """Add --report, what reports show, and --track."""
    parser.add_argument(
        "--report",
        type=parse_assignment,
        action="append",
        default=[],
        metavar="FORMAT=PATH",
        help=f"write a report (repeatable; - is stdout): {', '.join(formats())}",
    )
    parser.add_argument(
        "--no-source",
        action="store_true",
        help="keep lines of the program, and its patch, out of the result and all reports",
    )
    add_plain(parser)
    add_track(parser)


def add_plain(parser: argparse.ArgumentParser) -> None:
    """Add --plain."""
    parser.add_argument(
        "--plain",
        action="store_true",
        help="on a terminal: text as in a file, without colours and drawings",
    )
