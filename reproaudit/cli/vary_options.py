"""The options of `reproaudit vary`: its parser, tolerances by variation, and its table."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.cli.arguments import (
    Parser,
    add_inputs,
    add_run_options,
    add_settings,
    add_tolerance,
)
from reproaudit.cli.effort import add_budget
from reproaudit.cli.endpoint import add_endpoint
from reproaudit.cli.execution import add_execution
from reproaudit.cli.option_values import parse_path
from reproaudit.cli.questions import make_question_parser
from reproaudit.cli.report_options import add_reports
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.knowledge.wanted import is_variation
from reproaudit.report.layout import make_rows

_DESCRIPTION = """\
Run a program as it is, and once under each value of things that ought not to matter. What is \
compared is compared bit
for bit; of what differs, the operator and the line that depend on it are named, how far it goes, \
and whether that is
documented or a bug.

  reproaudit vary train.py                            all variations of the table (--list)
  reproaudit vary train.py --vary threads=1,2,4       one variation, these values
  reproaudit vary train.py --vary threads --vary hash_seed    two, with the values of the table
  reproaudit vary train.py --vary=+all,-timezone      all but one; --vary=-timezone is the same
  reproaudit vary train.py --vary env.EVAL_BATCH=64,1         a variable of the environment
  reproaudit vary train.py --vary arg.--workers=0,2           an option of the program
  reproaudit vary model.py::answer --inputs float32[64,512] --vary batch=1,8,64 --vary padding=4
                                                      each row alone, against batches and padding
  reproaudit vary train.py::step --inputs train.py::make_batch --vary batch_split=2,4
                                                      loss and gradients of parts, against the whole
  reproaudit vary train.py --vary torch=/path/to/env          another environment's torch
  reproaudit vary train.py --vary threads --tolerance threads:float32:rtol=1e-5
                                                      what counts as equal, of one variation

A program that differs from run to run is audited first; what is proven to repair it is held in \
all further runs.
Without --vary, the list of [tool.reproaudit] is taken, or else all:

  [tool.reproaudit]
  vary = ["threads=1,2", "hash_seed", "timezone"]
  vary_tolerance = ["threads:float32:rtol=1e-5"]

`reproaudit ci` varies each configured subject so, and fails where one depends on any of them.
"""
_EPILOG = """\
exit codes: 0 it depends on none of them, or within the tolerance asked for; 1 it depends on one, \
also where that is
documented, or differs from run to run as it is; 2 not all that was asked for could be tried, and \
nothing depends on
what was"""


def make_vary_parser() -> Parser:
    """Return the parser of `reproaudit vary`, without the subject."""
    parser = make_question_parser("vary", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="SPEC",
        help="what to vary (repeatable): NAME=VALUE,…, NAME, or +NAME,-NAME,+all; env.NAME=… and "
        r"arg.--option=… too. A comma of a value is written \,",
    )
    parser.add_argument(
        "--list", action="store_true", help="print the variations and their values, and end"
    )
    add_run_options(parser)
    add_tolerance(parser)
    parser.add_argument(
        "--fresh-copy",
        action="store_true",
        help="give each run a copy of the repository as it is now, or else of the working folder, "
        "and an empty temporary folder",
    )
    add_budget(parser)
    parser.add_argument(
        "--no-diagnosis",
        action="store_true",
        help="only compare: say what differs, and not where or why",
    )
    add_execution(parser)
    add_settings(parser)
    add_inputs(parser)
    add_endpoint(parser)
    add_reports(parser)
    parser.add_argument(
        "--out", type=parse_path, metavar="DIR", help="keep the traces and logs in DIR"
    )
    # What an audit is asked besides.
    parser.set_defaults(
        runs=None, no_alerts=True, fast=False, thorough=False, confidence=None, rate=None
    )
    return parser


def part_tolerances(texts: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Part tolerances of all from those of one variation: `threads:float32:rtol=1e-5`."""
    ordinary: list[str] = []
    named: dict[str, list[str]] = {}
    for clause in ";".join(texts).split(";") if texts else ():
        name, colon, rest = clause.strip().partition(":")
        if colon and is_variation(name):
            named.setdefault(name, []).append(rest)
        else:
            ordinary.append(clause)
    return ordinary, named


def list_table() -> str:
    """Return the table of variations as text."""
    rows = [("variation", "values", "depends on")]
    for name, entry in VARIATIONS.items():
        rows.append((name, ",".join(entry.values) or "(named by you)", entry.what))
    rows += [
        ("env.NAME", "(named by you)", "a variable of the environment"),
        ("arg.--option", "(named by you)", "an option of the program"),
    ]
    return "\n".join(make_rows(rows)) + "\n"
