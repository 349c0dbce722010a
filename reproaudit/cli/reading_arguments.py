"""The options of the commands that read what was recorded or saved."""

from __future__ import annotations

from reproaudit.cli.arguments import Parser, add_tolerance
from reproaudit.cli.option_values import parse_path
from reproaudit.cli.report_options import add_reports


def make_compare_parser() -> Parser:
    """Return the parser of `reproaudit compare`."""
    parser = Parser(
        prog="reproaudit compare",
        description="Compare traces, also from other machines; torch is not needed. Of two "
        "manifests, or two runs of a tracker, what differs is told with the most likely cause of "
        "other results first.",
    )
    parser.add_argument(
        "traces",
        nargs="+",
        metavar="RUN",
        help="a directory that `reproaudit record` made, a file of `reproaudit manifest`, "
        "mlflow:RUN, or wandb: with a folder of an offline run or ENTITY/PROJECT/RUN",
    )
    add_tolerance(parser)
    add_reports(parser)
    return parser


def make_digest_parser() -> Parser:
    """Return the parser of `reproaudit digest`."""
    parser = Parser(
        prog="reproaudit digest",
        description="Print a run's digest and that of each step as JSON: two parties see by them "
        "whether their runs are equal, bit for bit, and in which step they first differ. Covered "
        "are outputs, gradients, parameters, what is saved and what is left at the end; not how a "
        "run ended. They protect from chance, not from a forged recording.",
    )
    parser.add_argument("trace", metavar="TRACE", help="a directory that `reproaudit record` made")
    parser.add_argument(
        "--out", metavar="FILE", help="write digests of all tensors, 16 bytes each, for --against"
    )
    parser.add_argument(
        "--against",
        metavar="FILE",
        help="say where the run first differs from the one that the file was written for: exit "
        "code 0 if nowhere, 1 if it does",
    )
    return parser


def make_explain_parser() -> Parser:
    """Return the parser of `reproaudit explain`."""
    parser = Parser(
        prog="reproaudit explain",
        description="Explain a rule, a cause, an intervention or an error code.",
    )
    parser.add_argument(
        "code",
        nargs="?",
        metavar="CODE",
        help="such as RA401, kernel, hash.seed; none lists them all",
    )
    return parser


def make_report_parser() -> Parser:
    """Return the parser of `reproaudit report`."""
    parser = Parser(prog="reproaudit report", description="Render a saved result.json again.")
    parser.add_argument("result", metavar="RESULT", help="a result.json")
    parser.add_argument(
        "--traces",
        type=parse_path,
        action="append",
        default=[],
        metavar="DIR",
        help="show all operators in the page, of the traces that the audit kept with --out DIR; or "
        "of two traces: --traces A --traces B",
    )
    add_reports(parser)
    return parser
