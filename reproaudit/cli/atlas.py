"""`reproaudit atlas`: sweep PyTorch's own op_db for operators that differ on equal inputs."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reproaudit.atlas.cells import DEVICES, DTYPES, SIZES, Request, Status, parse_cell
from reproaudit.atlas.document import Document, make_document, settle_status
from reproaudit.atlas.log import Log, Record
from reproaudit.atlas.page import render
from reproaudit.atlas.sweep import confirm_accusations, sweep
from reproaudit.cli.arguments import Parser
from reproaudit.cli.option_values import parse_path, parse_positive, parse_seconds
from reproaudit.errors import UsageError
from reproaudit.model.verdict import EXIT_NOT_AUDITED
from reproaudit.report.destinations import Destination, Failures

_EXIT_DIFFERS = 1
_LEAST_SECONDS = 10.0  # for a cell that is run alone
_CELLS_PER_LINE = 50  # of progress where it is written to no terminal
_MOST_COLUMNS = 110  # of progress on a terminal
_ALL_DTYPES = (
    *("float32", "float64", "float16", "bfloat16", "complex64", "complex128"),
    *("bool", "uint8", "int8", "int16", "int32", "int64"),
)
_DESTINATION = Destination("the atlas", "report-write", "name another folder with --out")
# A cell with one of these statuses was not compared.
_NOT_COMPARED = frozenset(
    {
        Status.CRASHED.value,
        Status.TIMED_OUT.value,
        Status.NO_SAMPLES.value,
        Status.RAISES.value,
        Status.NOT_ENLARGED.value,
        Status.NO_GRADIENT.value,
    }
)
_DESCRIPTION = """\
Call every operator of PyTorch's own op_db, forward and backward, again and again on the same \
inputs, and tabulate what
differs against what torch.use_deterministic_algorithms(True) says. Writes DEVICE.json and \
DEVICE.md into the folder
named with --out, and DEVICE.cells.jsonl as it goes; the same command again goes on where it was \
stopped.

  reproaudit atlas                                       everything, on the CPU: about half an \
hour on two cores
  reproaudit atlas --only '^(gather|index_put)$'         ops whose name matches the regular \
expression
  reproaudit atlas --device cuda --seconds 1 --only 'scatter|index|embedding'
  reproaudit atlas --cell cpu/index_put/float32/large/t2/forward    one cell again, and what it \
shows
"""
_EPILOG = """\
exit codes: 0 swept, whatever was found, or the one cell repeats; 1 the one cell of --cell \
differs; 2 it could not be
done, or was interrupted"""


def atlas(words: list[str]) -> int:
    """Sweep and write the document and its page, or run one cell and print what it shows.

    Returns the exit code.
    """
    options = make_atlas_parser().parse_args(words)
    if options.cell is not None:
        return _run_cell(options)
    request = Request(
        device=options.device,
        only=options.only,
        dtypes=options.dtypes,
        sizes=options.sizes,
        threads=options.threads or _choose_threads(options.device),
        repeats=options.repeats,
        seconds=options.seconds,
        limit=options.limit,
    )
    folder = Path(options.out)
    page, table = folder / f"{options.device}.md", folder / f"{options.device}.json"
    for path in (page, table):
        _DESTINATION.try_file(path)
    log = Log(folder / f"{options.device}.cells.jsonl")
    progress = _SweepProgress(quiet=options.quiet)
    try:
        sweep(request, log, options.timeout, progress)
        confirm_accusations(request, log, options.timeout, progress)
    except KeyboardInterrupt:
        print(
            f"reproaudit: interrupted; {len(log.cells):,} cells are kept: "
            "the same command again goes on with them",
            file=sys.stderr,
        )
        return EXIT_NOT_AUDITED
    finally:
        log.close()
    document = make_document(log.head, log.cells)
    failures = Failures()
    with failures.put_off():
        text = json.dumps(document, indent=1, ensure_ascii=False)
        _DESTINATION.write(table, text + "\n")
    with failures.put_off():
        _DESTINATION.write(page, render(document))
    _print_summary(document, page)
    failures.raise_any()
    return 0


def _print_summary(document: Document, page: Path) -> None:
    counts, table = document["counts"], document["table"]
    print(f"swept: {counts['ops']:,} ops, {counts['cells']:,} cells")
    for name, number in counts["rows"].items():
        print(f"  {number:>5,}  {name.replace('_', ' ')} (op and phase)")
    for row in (*table["observed_not_declared"], *table["observed_switched"]):
        print(f"  {_describe_row(row)}")
    print(f"  page   {page}")


def _describe_row(row: Mapping[str, Any]) -> str:
    culprits = ", ".join(row["aten"]) or "operator unknown"
    is_repaired = "differs" not in row["under_flag"]
    flag = "repaired by the flag" if is_repaired else "not repaired by the flag"
    return f"{row['op']} {row['phase']}: {culprits}, {flag}"


def _run_cell(options: argparse.Namespace) -> int:
    """Run one cell, print its record, and return the exit code."""
    record = _sweep_cell(options)
    print(json.dumps(record, indent=1, ensure_ascii=False))
    status = settle_status(record)
    print(f"{options.cell}: {status}")
    if status == Status.DIFFERS.value:
        return _EXIT_DIFFERS
    return EXIT_NOT_AUDITED if status in _NOT_COMPARED else 0


def _sweep_cell(options: argparse.Namespace) -> Record:
    """Run one cell in a folder of its own and return its record.

    Raises UsageError if op_db has no such cell.
    """
    cell = parse_cell(options.cell)
    try:
        dtypes = _parse_dtypes(cell.dtype)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{options.cell}: {error}", code="atlas-cell") from None
    request = Request(
        device=cell.device,
        only=f"^{re.escape(cell.op)}$",
        dtypes=dtypes,
        sizes=(cell.size,),
        threads=(cell.threads,),
        repeats=options.repeats,
        seconds=max(options.seconds, _LEAST_SECONDS),
    )
    silent = _SweepProgress(quiet=True)
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder) / "cell.jsonl")
        try:
            sweep(request, log, options.timeout, silent, cells=(options.cell,))
            confirm_accusations(request, log, options.timeout, silent)
        finally:
            log.close()
    if options.cell not in log.cells:
        raise UsageError(
            f"op_db has no such cell: {options.cell}",
            code="atlas-cell",
            hint="the op may lack the dtype, or a gradient for it",
        )
    return log.cells[options.cell]


class _SweepProgress:
    """Shows progress on standard error.

    On a terminal one line is written over, elsewhere there is one line per fifty cells.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._cells = 0  # in all
        self._done = 0
        self._differ = 0
        self._started = time.monotonic()

    def plan(self, ops: int, cells: int) -> None:
        self._cells = self._done + cells
        self._write(f"{ops} ops, {cells:,} cells to go", always=True)

    def finish_cell(self, record: Record) -> None:
        self._done += 1
        if record["status"] == Status.DIFFERS.value:
            self._differ += 1
        spent = time.monotonic() - self._started
        left = spent / self._done * (self._cells - self._done) / 60
        self._write(
            f"{self._done:,}/{self._cells:,} cells, {self._differ} differ, "
            f"about {left:.0f} min left, {record['cell']}: {record['status']}",
            always=self._done % _CELLS_PER_LINE == 0,
        )

    def confirm(self, what: str, left: int) -> None:
        self._write(f"looking again in a fresh process: {what}, {left} left", always=True)

    def _write(self, text: str, *, always: bool) -> None:
        if self._quiet:
            return
        if self._is_terminal:
            end = "\n" if always and not self._done else ""
            sys.stderr.write(f"\r\x1b[K{text[:_MOST_COLUMNS]}{end}")
            sys.stderr.flush()
        elif always:
            print(f"reproaudit: {text}", file=sys.stderr, flush=True)


def make_atlas_parser() -> Parser:
    """Return the parser of `reproaudit atlas`."""
    parser = Parser(
        prog="reproaudit atlas",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out",
        type=parse_path,
        metavar="DIR",
        default="atlas",
        help="where everything is written (default atlas)",
    )
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="default cpu")
    parser.add_argument(
        "--only",
        type=_parse_pattern,
        default="",
        metavar="PATTERN",
        help="regular expression for op names",
    )
    parser.add_argument(
        "--dtypes",
        type=_parse_dtypes,
        default=DTYPES,
        metavar="LIST",
        help=f"separated by commas (default {','.join(DTYPES)})",
    )
    parser.add_argument(
        "--sizes",
        type=_parse_sizes,
        default=SIZES,
        metavar="LIST",
        help="sample: as op_db has them; large: past the grain of parallel loops (default both)",
    )
    parser.add_argument(
        "--threads",
        type=_parse_threads,
        metavar="LIST",
        help="intra-op thread counts (default 1 and the number of cores)",
    )
    parser.add_argument(
        "--repeats",
        type=parse_positive,
        default=10,
        metavar="N",
        help="repetitions of a call (default 10)",
    )
    parser.add_argument(
        "--seconds",
        type=parse_seconds,
        default=2.5,
        metavar="S",
        help="time for all cells of one op (default 2.5)",
    )
    parser.add_argument("--limit", type=parse_positive, metavar="N", help="only the first N ops")
    parser.add_argument(
        "--timeout",
        type=parse_seconds,
        default=60.0,
        metavar="S",
        help="a cell that takes longer is given up (default 60)",
    )
    parser.add_argument(
        "--cell", metavar="CELL", help="run this cell alone, write nothing, print what it shows"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser


def _parse_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from None
    return text


def _parse_dtypes(text: str) -> tuple[str, ...]:
    return _parse_list(text, _ALL_DTYPES)


def _parse_sizes(text: str) -> tuple[str, ...]:
    return _parse_list(text, SIZES)


def _parse_list(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """Read names separated by commas, each kept once, in the order given."""
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
    return names


def _parse_threads(text: str) -> tuple[int, ...]:
    counts = {parse_positive(item) for item in text.split(",")}
    return tuple(sorted(counts))


def _choose_threads(device: str) -> tuple[int, ...]:
    """Return one thread and all cores; one alone where threads of the CPU decide nothing."""
    cores = os.cpu_count() or 1
    return (1,) if device == "cuda" or cores == 1 else (1, cores)
