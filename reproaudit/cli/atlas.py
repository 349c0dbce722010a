"""`reproaudit atlas`: sweep PyTorch's own op_db for operators that differ on equal inputs, and
tabulate them."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reproaudit.atlas.cells import DEVICES, DTYPES, SIZES, Request, Status, parse_cell
from reproaudit.atlas.document import settled, tabulate
from reproaudit.atlas.log import Log, Record
from reproaudit.atlas.page import render
from reproaudit.atlas.sweep import confirm, sweep
from reproaudit.cli.arguments import Parser, positive, seconds
from reproaudit.errors import UsageError
from reproaudit.model.verdict import EXIT_NOT_AUDITED
from reproaudit.report.output import write

_EXIT_DIFFERS = 1
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


def atlas_parser() -> argparse.ArgumentParser:
    """Return the parser of `reproaudit atlas`."""
    parser = Parser(
        prog="reproaudit atlas",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", metavar="DIR", default="atlas", help="where everything is written (default atlas)"
    )
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="default cpu")
    parser.add_argument(
        "--only",
        type=_pattern,
        default="",
        metavar="PATTERN",
        help="regular expression for op names",
    )
    parser.add_argument(
        "--dtypes",
        type=_dtypes,
        default=DTYPES,
        metavar="LIST",
        help=f"separated by commas (default {','.join(DTYPES)})",
    )
    parser.add_argument(
        "--sizes",
        type=_sizes,
        default=SIZES,
        metavar="LIST",
        help="sample: as op_db has them; large: past the grain of parallel loops (default both)",
    )
    parser.add_argument(
        "--threads",
        type=_threads,
        metavar="LIST",
        help="intra-op thread counts (default 1 and the number of cores)",
    )
    parser.add_argument(
        "--repeats",
        type=positive,
        default=10,
        metavar="N",
        help="repetitions of a call (default 10)",
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=2.5,
        metavar="S",
        help="time for all cells of one op (default 2.5)",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N ops")
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=60.0,
        metavar="S",
        help="a cell that takes longer is given up (default 60)",
    )
    parser.add_argument(
        "--cell", metavar="CELL", help="run this cell alone, write nothing, print what it shows"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser


def atlas(words: list[str]) -> int:
    """Sweep and write the document and its page; or run one cell and print what it shows. Returns
    the exit code."""
    options = atlas_parser().parse_args(words)
    if options.cell is not None:
        return _one_cell(options)
    threads = options.threads or _default_threads(options.device)
    request = Request(
        options.device,
        options.only,
        options.dtypes,
        options.sizes,
        threads,
        options.repeats,
        options.seconds,
        options.limit,
    )
    folder = Path(options.out)
    log, progress = _open(folder / f"{options.device}.cells.jsonl"), _Told(options.quiet)
    try:
        sweep(request, log, options.timeout, progress)
        confirm(request, log, options.timeout, progress)
    except KeyboardInterrupt:
        print(
            f"reproaudit: interrupted; {len(log.cells):,} cells are kept: the same command again "
            "goes on with them",
            file=sys.stderr,
        )
        return EXIT_NOT_AUDITED
    finally:
        log.close()
    document = tabulate(log.head, log.cells)
    write(
        folder / f"{options.device}.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    )
    write(folder / f"{options.device}.md", render(document))
    _summarise(document, folder / f"{options.device}.md")
    return 0


def _open(path: Path) -> Log:
    try:
        return Log(path)
    except OSError as error:
        raise UsageError(
            f"cannot write {str(path)!r}: {error.strerror}",
            code="report-write",
            hint="name another folder with --out",
        ) from None


def _summarise(document: Mapping[str, Any], page: Path) -> None:
    counts = document["counts"]
    print(f"swept: {counts['ops']:,} ops, {counts['cells']:,} cells")
    for name, number in counts["rows"].items():
        print(f"  {number:>5,}  {name.replace('_', ' ')} (op and phase)")
    for row in (
        *document["table"]["observed_not_declared"],
        *document["table"]["observed_switched"],
    ):
        flag = (
            "repaired by the flag"
            if "differs" not in row["under_flag"]
            else "not repaired by the flag"
        )
        print(
            f"  {row['op']} {row['phase']}: {', '.join(row['aten']) or 'operator unknown'}, {flag}"
        )
    print(f"  page   {page}")


# -- one cell
# --------------------------------------------------------------------------------------------------------


def _one_cell(options: argparse.Namespace) -> int:
    """Run one cell in a folder of its own and print its record."""
    cell = parse_cell(options.cell)
    try:
        dtypes = _dtypes(cell.dtype)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{options.cell}: {error}", code="atlas-cell") from None
    request = Request(
        cell.device,
        f"^{re.escape(cell.op)}$",
        dtypes,
        (cell.size,),
        (cell.threads,),
        options.repeats,
        max(options.seconds, 10.0),
    )
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder) / "cell.jsonl")
        try:
            sweep(request, log, options.timeout, _Told(quiet=True), (options.cell,))
            confirm(request, log, options.timeout, _Told(quiet=True))
        finally:
            log.close()
        record = log.cells.get(options.cell)
    if record is None:
        raise UsageError(
            f"op_db has no such cell: {options.cell}",
            code="atlas-cell",
            hint="the op may lack the dtype, or a gradient for it",
        )
    print(json.dumps(record, indent=1, ensure_ascii=False))
    status = settled(record)
    print(f"{options.cell}: {status}")
    if status == Status.DIFFERS.value:
        return _EXIT_DIFFERS
    unfinished = (
        Status.CRASHED.value,
        Status.TIMED_OUT.value,
        Status.NO_SAMPLES.value,
        Status.RAISES.value,
        Status.NOT_ENLARGED.value,
        Status.NO_GRADIENT.value,
    )
    return EXIT_NOT_AUDITED if status in unfinished else 0


# -- options
# ---------------------------------------------------------------------------------------------------------


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from None
    return text


def _dtypes(text: str) -> tuple[str, ...]:
    known = "float32 float64 float16 bfloat16 complex64 complex128 bool uint8 int8 int16 int32 int64".split()
    return _listed(text, known)


def _sizes(text: str) -> tuple[str, ...]:
    return _listed(text, list(SIZES))


def _listed(text: str, known: list[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
    return names


def _threads(text: str) -> tuple[int, ...]:
    return tuple(sorted({positive(item) for item in text.split(",")}))


def _default_threads(device: str) -> tuple[int, ...]:
    cores = os.cpu_count() or 1
    return (1,) if device == "cuda" or cores == 1 else (1, cores)


class _Told:
    """Progress on standard error: a line that is written over on a terminal, one line per fifty
    cells elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._planned = self._done = self._differ = 0
        self._started = time.monotonic()

    def planned(self, ops: int, cells: int) -> None:
        self._planned = self._done + cells
        self._say(f"{ops} ops, {cells:,} cells to go", always=True)

    def cell(self, record: Record) -> None:
        self._done += 1
        self._differ += record["status"] == Status.DIFFERS.value
        spent = time.monotonic() - self._started
        left = spent / self._done * (self._planned - self._done) / 60
        self._say(
            f"{self._done:,}/{self._planned:,} cells, {self._differ} differ, about {left:.0f} min "
            f"left, {record['cell']}: {record['status']}",
            always=self._done % 50 == 0,
        )

    def confirming(self, what: str, left: int) -> None:
        self._say(f"looking again in a fresh process: {what}, {left} left", always=True)

    def _say(self, text: str, always: bool) -> None:
        if self._quiet:
            return
        if self._is_terminal:
            sys.stderr.write(f"\r\x1b[K{text[:110]}" + ("\n" if always and not self._done else ""))
            sys.stderr.flush()
        elif always:
            print(f"reproaudit: {text}", file=sys.stderr, flush=True)
