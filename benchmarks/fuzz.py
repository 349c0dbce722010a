"""Gives every reader of files from strangers whatever a coverage-guided fuzzer finds.

    python benchmarks/fuzz.py [--minutes 30] [--only READER …] [--out reports/robustness]

Needs atheris (libFuzzer for Python): pip install 'reproaudit[fuzz]'. The time is shared out evenly;
each reader has a process of its own, of at most 2 GiB, in which one file may take ten seconds. A
file that is neither read nor refused is kept beside the table.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST_INPUT = 1 << 16  # bytes
LONGEST_READ_S = 10
MOST_MIB = 2048
NO_ATHERIS = 2
WORDS = re.compile(rb"[A-Za-z_.-]{3,24}|-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")
# What hurts readers in general.
HOSTILE = (b"1e306", b"-1", b"1e999", b"null", b"[[[[", b"{}", b"\\ud800", b"\x1b[2J", b"::error::")


@dataclass(frozen=True)
class Figures:
    """What came of one reader; `covered` counts the edges of our code that were reached."""

    reader: str
    seconds: int
    files: int
    covered_by_seeds: int
    covered: int
    fault: str


def fuzz(name: str, arguments: list[str]) -> None:
    """Fuzz one reader within this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["reproaudit"]):
        from tests.foreign.readers import READERS

        (reader,) = (one for one in READERS if one.name == name)
        # Report formats are imported when they are first used.
        for seed in reader.seeds:
            reader.survives(seed)
    mutate = _change_values if reader.is_json else _change_bytes
    atheris.Setup([sys.argv[0], *arguments], reader.survives_quietly, custom_mutator=mutate)
    atheris.Fuzz()


def _change_values(data: bytes, most: int, number: int) -> bytes:
    """Return the document with other values, every second time; else with other bytes."""
    from tests.foreign.changes import change_document

    if number % 2:
        try:
            return change_document(data, random.Random(number).choice)[:most]
        except (ValueError, RecursionError):
            pass  # its bytes were changed before, so that it is no document
    return _change_bytes(data, most, number)


def _change_bytes(data: bytes, most: int, number: int) -> bytes:
    import atheris

    return bytes(atheris.Mutate(data, most))


def run_fuzzer(name: str, seconds: int, kept: Path) -> Figures:
    """Fuzz one reader in a process of its own, and return what it printed as figures."""
    from tests.foreign.readers import READERS

    (reader,) = (one for one in READERS if one.name == name)
    with tempfile.TemporaryDirectory(prefix="ra-fuzz-") as text:
        folder = Path(text)
        seeds = folder / "seeds"
        seeds.mkdir()
        for number, seed in enumerate(reader.seeds):
            (seeds / str(number)).write_bytes(seed[:LONGEST_INPUT])
        words = {*HOSTILE, *WORDS.findall(b"\n".join(reader.seeds)[: 4 * LONGEST_INPUT])}
        entries = "".join(map(quote_word, sorted(words)))
        (folder / "words").write_text(entries)
        done = subprocess.run(
            [
                sys.executable,
                __file__,
                f"--inside={name}",
                f"-max_total_time={seconds}",
                f"-max_len={LONGEST_INPUT}",
                f"-timeout={LONGEST_READ_S}",
                f"-rss_limit_mb={MOST_MIB}",
                f"-dict={folder / 'words'}",
                f"-artifact_prefix={folder}/fault-",
                "-print_final_stats=1",
                "-seed=1",
                str(seeds),
            ],
            check=False,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            capture_output=True,
            text=True,
            errors="replace",
        )
        for fault in folder.glob("fault-*"):
            shutil.copy(fault, kept / f"{name}-{fault.name}")
    return read_figures(name, seconds, done.stderr + done.stdout, done.returncode)


def quote_word(word: bytes) -> str:
    """Return a line of libFuzzer's dictionary."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def read_figures(name: str, seconds: int, said: str, code: int) -> Figures:
    """Return the figures that libFuzzer printed."""
    counts = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    seen = [int(number) for number in re.findall(r"cov: (\d+)", said)]
    raised = re.search(r"Uncaught Python exception: ===\n(.*)", said)
    fault = ""
    if raised is not None:
        fault = raised[1]
    elif code:
        fault = said.strip().rpartition("\n")[2] or f"exit code {code}"
    return Figures(
        reader=name,
        seconds=seconds,
        files=int(counts[1]) if counts is not None else 0,
        covered_by_seeds=seen[0] if seen else 0,
        covered=max(seen, default=0),
        fault=fault,
    )


def write_table(rows: list[Figures], out: Path) -> None:
    """Write the figures as JSON and as a table."""
    lines = [
        "# Files from strangers, made by a coverage-guided fuzzer",
        "",
        "Made by `make fuzz`. A file is read, or refused with what to do next; a *fault* is any",
        f"other exception, and {LONGEST_READ_S} s or {MOST_MIB:,} MiB for one file. *Covered* are",
        "the edges of our code that were reached, by the good files alone and in the end.",
        "",
        describe_machine(),
        "",
        "| reader | seconds | files | covered at first | covered | fault |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row.reader} | {row.seconds} | {row.files:,} | {row.covered_by_seeds:,} | "
            f"{row.covered:,} | {row.fault or 'none'} |"
        )
    total = sum(row.files for row in rows)
    lines.append(f"| all | {sum(row.seconds for row in rows)} | {total:,} | | | |")
    (out / "fuzz.md").write_text("\n".join(lines) + "\n")
    (out / "fuzz.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def describe_machine() -> str:
    """Say when this was made, and with what."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "atheris"))
    python = platform.python_version()
    today = datetime.date.today().isoformat()
    return f"{today}, Python {python}, {versions}, {os.cpu_count()} cores, one of them used."


def main() -> int:
    if sys.argv[1:2] and sys.argv[1].startswith("--inside="):
        fuzz(sys.argv[1].removeprefix("--inside="), sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--only", action="append", default=[], metavar="READER")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "robustness")
    options = parser.parse_args()
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("fuzzing needs atheris: pip install 'reproaudit[fuzz]'", file=sys.stderr)
        return NO_ATHERIS
    from tests.foreign.readers import READERS

    names = [one.name for one in READERS if not options.only or one.name in options.only]
    options.out.mkdir(parents=True, exist_ok=True)
    seconds = max(1, int(60 * options.minutes / len(names)))
    rows = []
    for name in names:
        row = run_fuzzer(name, seconds, options.out)
        fault = row.fault or "no fault"
        print(f"{row.reader}: {row.files:,} files, {row.covered:,} edges, {fault}", flush=True)
        rows.append(row)
    write_table(rows, options.out)
    return 1 if any(row.fault for row in rows) else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    raise SystemExit(main())
