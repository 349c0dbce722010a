"""Files from strangers: each is read or refused, soon, and nothing is written elsewhere.

python benchmarks/robust_files.py [--out reports/robustness]

Changes of good files, made from a fixed seed, go to the readers; the named files go through the
command, each in a process of at most 4 GB. Needs the tests' own readers, beside the package.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from survival import REPORTS, REPROAUDIT, ROOT, Ending, Table, Tried, run, scrub, tell

sys.path.insert(0, str(ROOT))

from reproaudit.gate import baseline
from reproaudit.gate.baseline import BaselineEntry
from reproaudit.model.events import Location, ProgramWarning
from reproaudit.report.json_report import from_json, to_json
from tests.foreign.changes import change_document
from tests.foreign.readers import READERS, SAMPLES, Reader
from tests.trace.sample import write_sample

CHANGES = 400  # of each good file of a reader
CHANGES_OF_TRACES = 100  # a trace is opened, compared and rendered
MOST_S = 20.0  # for one file: what is larger is refused at once
MOST_KB = 4 << 20
SPARSE_BYTES = 20 << 30
BYTES = (b"\0", b"\xff", b"\x1b", b"[" * 200, b"{", b"}", b'"', b"9" * 400, b"1e306", b"\n", b"%")
HOSTILE_TEXT = "\n::error::x\x1b[31m\r##[error]x"
PROGRAM = "import torch\nw = torch.ones(2, requires_grad=True)\nw.sum().backward()\nprint(w.grad)\n"
FORMATS = ("json", "junit", "sarif", "github", "markdown", "codequality", "html")


@dataclass(frozen=True)
class Named:
    """A file that is no good one of any kind: `make` puts it in a place."""

    name: str
    make: Callable[[Path], Any]


def make_sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, SPARSE_BYTES)


def of_bytes(content: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(content)


NAMED = (
    Named("a named pipe", os.mkfifo),
    Named("a link to /dev/zero", lambda path: path.symlink_to("/dev/zero")),
    Named("a link to itself", lambda path: path.symlink_to(path.name)),
    Named("a link to nothing", lambda path: path.symlink_to("nowhere")),
    Named("a folder", lambda path: path.mkdir()),
    Named("20 GB, sparse", make_sparse),
    Named("empty", of_bytes(b"")),
    Named("100,000 brackets", of_bytes(b"[" * 100_000)),
    Named("100,000 objects in one another", of_bytes(b'{"a":' * 100_000)),
    Named("a number of 100,000 digits", of_bytes(b'{"schema": ' + b"9" * 100_000 + b"}")),
    Named("not UTF-8", of_bytes(b'{"a": "\xff\xfe"}')),
    Named("zeros", of_bytes(bytes(10_000))),
    Named("escapes", of_bytes(HOSTILE_TEXT.encode() * 100)),
)
# What reads a file: where it lies, and the words of the command.
PLACES = {
    "result": ("result.json", ("report", "result.json")),
    "baseline": ("reproaudit-baseline.json", ("ci", "--runs", "2", "--no-diagnosis")),
    "lock": ("reproaudit.lock", ("check",)),
    "pyproject": ("pyproject.toml", ("ci",)),
    "trace header": ("bad/run.json", ("compare", "good", "bad")),
    "trace events": ("bad/events.bin", ("compare", "good", "bad")),
    "trace values": ("bad/values.safetensors", ("compare", "good", "bad")),
}
# Files that may be missing, or hold nothing, without harm.
MAY_BE_LEFT_OUT = ("values", "events", "pyproject", "baseline")


def ask(folder: Path, *words: str) -> Ending:
    """Run the command in a folder, with an end to its memory."""
    shell = f'ulimit -v {MOST_KB}; exec "$@"'
    command = ["/bin/sh", "-c", shell, "sh", *REPROAUDIT, *words]
    return run(command, folder, timeout_s=3 * MOST_S)


def judge(ending: Ending, right: tuple[int, ...]) -> tuple[str, tuple[str, ...]]:
    """Return what came of a command, and what is wrong with that."""
    faults = ending.find_faults()
    if ending.code not in right:
        faults.append(f"exit code {ending.code}")
    if ending.seconds > MOST_S:
        faults.append(f"{ending.seconds:.0f} s")
    if "\x1b" in ending.out_text + ending.err_text:
        faults.append("an escape is printed")
    for line in (ending.out_text + "\n" + ending.err_text).splitlines():
        if line.lstrip().startswith(("::error::x", "##[error]x")):
            faults.append("a line that GitHub obeys")
            break
    said = (ending.errors or ending.out_text.strip().splitlines() or ["nothing"])[0]
    return f"{ending.code}: {said}", tuple(faults)


# Changes of good files


def change_bytes(data: bytes, choice: random.Random) -> bytes:
    """Change, double, leave out or cut a few places of a file."""
    for _ in range(choice.randint(1, 4)):
        start = choice.randint(0, len(data))
        end = min(len(data), start + choice.randint(0, 64))
        new = choice.choice((b"", data[start:end] * 2, choice.randbytes(8), *BYTES))
        data = data[:start] + new + data[end:]
        if choice.random() < 0.1:
            data = data[: choice.randint(0, len(data))]
    return data


def try_changes(reader: Reader, number: int) -> Tried:
    """Give a reader so many changed files."""
    choice = random.Random(0)
    refused = 0
    slowest = 0.0
    faults = []
    start = time.monotonic()
    for _ in range(number):
        data = choice.choice(reader.seeds)
        if reader.is_json and choice.random() < 0.7:
            data = change_document(data, choice.choice)
        else:
            data = change_bytes(data, choice)
        before = time.monotonic()
        try:
            refused += reader.survives(data)
        except Exception as error:
            faults.append(f"{type(error).__name__}: {error}")
        slowest = max(slowest, time.monotonic() - before)
    if slowest > MOST_S:
        faults.append(f"{slowest:.0f} s for one file")
    said = f"{number - refused - len(faults)} read, {refused} refused"
    seconds = f"{time.monotonic() - start:.1f}"
    return Tried(f"{reader.name}, {number} changed", (said, seconds), tuple(map(scrub, faults[:3])))


def list_texts(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places of all texts in a document."""
    if isinstance(value, str):
        yield above
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield from list_texts(inner, (*above, key))


def try_escapes(reader: Reader) -> Tried:
    """Put escapes and lines that GitHub obeys into each text of a document, one at a time."""
    tried = refused = 0
    faults = []
    start = time.monotonic()
    for seed in reader.seeds[:2]:
        for *above, last in list_texts(json.loads(seed)):
            document = inside = json.loads(seed)
            for key in above:
                inside = inside[key]
            inside[last] = HOSTILE_TEXT
            tried += 1
            try:
                refused += reader.survives(json.dumps(document).encode())
            except Exception as error:
                place = ".".join(map(str, (*above, last)))
                faults.append(f"{place}: {type(error).__name__}: {error}")
    said = f"{tried - refused - len(faults)} read, {refused} refused"
    cells = (said, f"{time.monotonic() - start:.1f}")
    return Tried(f"{reader.name}, escapes in each text", cells, tuple(map(scrub, faults[:3])))


# Named files


def make_folder(folder: Path) -> None:
    """Put good files of every kind in a folder, so that one of them can be replaced."""
    folder.mkdir()
    (folder / "train.py").write_text(PROGRAM)
    (folder / "pyproject.toml").write_text('[tool.reproaudit]\nsubjects = ["missing.py"]\n')
    shutil.copy(SAMPLES / "vae" / "result.json", folder / "result.json")
    write_sample(folder / "good")
    write_sample(folder / "bad")


def try_named(kind: str, named: Named, folder: Path) -> Tried:
    """Put a named file in the place of one kind, and ask for it."""
    make_folder(folder)
    place, words = PLACES[kind]
    path = folder / place
    path.unlink(missing_ok=True)
    named.make(path)
    ending = ask(folder, *words)
    right = (0, 1, 2) if any(word in kind for word in MAY_BE_LEFT_OUT) else (2,)
    said, faults = judge(ending, right)
    return Tried(f"{kind}: {named.name}", (scrub(said, folder), f"{ending.seconds:.1f}"), faults)


def try_command(
    name: str, folder: Path, words: tuple[str, ...], right: tuple[int, ...] = (0, 1)
) -> Tried:
    """Run one command over a file that is good but large, or has values at the end of a range."""
    ending = ask(folder, *words)
    said, faults = judge(ending, right)
    return Tried(name, (scrub(said, folder), f"{ending.seconds:.1f}"), faults)


def list_large(scratch: Path) -> Iterator[Tried]:
    """Try files that are good in themselves, and large."""
    folder = scratch / "large"
    make_folder(folder)
    reports = [word for name in FORMATS for word in ("--report", f"{name}=out.{name}")]
    result = json.loads((SAMPLES / "vae" / "result.json").read_text())
    one = json.loads((SAMPLES / "five_sources" / "result.json").read_text())
    warning = ProgramWarning("a warning", "RA501", Location("train.py", 1, "train"))
    many = replace(from_json(json.dumps(result)), warnings=(warning,) * 100_000)
    (folder / "many.json").write_text(to_json(many))
    yield try_command(
        "a result with 100,000 warnings, in six formats", folder, ("report", "many.json", *reports)
    )
    for value in ("1e306", "-1e306", "5e-324"):
        text = json.dumps({**one, "confidence": {**one["confidence"], "level": 0.5}})
        for field in ("max_abs", "max_rel", "slowdown", "divergence_rate_at_most"):
            text = replace_numbers(text, field, value)
        (folder / "number.json").write_text(text)
        yield try_command(
            f"{value} for the numbers of a result, in six formats",
            folder,
            ("report", "number.json", *reports),
            (0, 1, 2),
        )
    yield try_large_baseline()
    names = []
    for number in range(2_000):
        shutil.copytree(folder / "good", folder / f"many-{number}")
        names.append(f"many-{number}")
    yield try_command("2,000 traces compared", folder, ("compare", *names))


def try_large_baseline() -> Tried:
    """Read a baseline of 60,000 entries."""
    entries = []
    for number in range(60_000):
        place = f"train.py in f{number}"
        entry = BaselineEntry("train.py", "RA401", place, "aten::mm", f"{number:032x}", "why")
        entries.append(entry)
    text = baseline.to_text(entries)
    start = time.monotonic()
    read = baseline.from_text(text, "baseline")
    seconds = time.monotonic() - start
    faults = (f"{seconds:.0f} s",) if seconds > MOST_S else ()
    cells = (f"{len(read):,} entries", f"{seconds:.1f}")
    return Tried("a baseline of 60,000 entries", cells, faults)


def replace_numbers(text: str, field: str, value: str) -> str:
    """Return a JSON text in which every number of a field is another."""
    head, *parts = text.split(f'"{field}": ')
    found = [head]
    for part in parts:
        end = min(at for at in (part.find(","), part.find("}")) if at >= 0)
        is_number = part[:end].replace(".", "").replace("-", "").replace("e", "").isdigit()
        found.append((value if is_number else part[:end]) + part[end:])
    return f'"{field}": '.join(found)


def list_links(scratch: Path) -> Iterator[Tried]:
    """Try links in the places of what is written: what they lead to must stay as it is."""
    folder = scratch / "links"
    make_folder(folder)
    victim = scratch / "victim"
    victim.write_text("untouched")
    places = ("out.json", "out.json.partial", ".reproaudit-1-1.partial")
    reports = ("report", "result.json", "--report", "json=out.json")
    out = ("out", "out.plan.json", "out.log", "kept/run-0.plan.json", "kept/run-0.log")
    (folder / "kept").mkdir()
    for place in (*places, *out[1:]):
        (folder / place).symlink_to(victim)
    cases = {
        "links at out.json and out.json.partial, a report written": reports,
        "links at out.plan.json and out.log, a run recorded": (
            "record",
            "--out",
            "out",
            "train.py",
        ),
        "links at the logs and plans of runs, an audit": (
            *("--runs", "2", "--no-diagnosis", "--no-alerts", "--out", "kept", "train.py"),
        ),
    }
    for name, words in cases.items():
        # torch needs more memory than a reader may take.
        ending = run([*REPROAUDIT, *words], folder, timeout_s=120)
        said, faults = judge(ending, (0, 1, 2))
        faults = tuple(fault for fault in faults if not fault.endswith(" s"))
        if victim.read_text() != "untouched":
            faults = (*faults, "what the link leads to was overwritten")
            victim.write_text("untouched")
        yield Tried(name, (scrub(said, folder), f"{ending.seconds:.1f}"), faults)


def list_changed(scratch: Path) -> Iterator[Tried]:
    """Try changes of good files."""
    for reader in READERS:
        is_trace = reader.name.startswith("trace-")
        yield try_changes(reader, CHANGES_OF_TRACES if is_trace else CHANGES)
        if reader.is_json:
            yield try_escapes(reader)


def list_named(scratch: Path) -> Iterator[Tried]:
    """Try each named file in the place of each kind."""
    for number, kind in enumerate(PLACES):
        for place, named in enumerate(NAMED):
            yield try_named(kind, named, scratch / f"{number}-{place}")


PARTS = (list_changed, list_named, list_large, list_links)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=REPORTS)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="robust-") as text:
        for list_part in PARTS:
            rows += map(tell, list_part(Path(text)))
    about = (
        "Files from strangers",
        "Changed files, from a fixed seed, are given to the readers; the others go through the",
        f"command, in a process of at most {MOST_KB >> 20} GB. Each is read, or refused with exit",
        f"code 2 and one error; none takes over {MOST_S:.0f} s, and no escape and no line that",
        "GitHub obeys is printed.",
    )
    columns = ("file", "what comes of it", "seconds")
    table = Table("files", about, columns)
    return table.write(rows, options.out)


if __name__ == "__main__":
    sys.exit(main())
