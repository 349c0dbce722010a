"""The lock as text: UTF-8, LF, one fact a line, in an order that does not change.

Format history
  1  first version

A line without indentation begins a section, which is also what diffs show above a hunk. Words that
hold spaces or characters that cannot be printed are percent-encoded; "-" stands for an empty one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby

from reproaudit.config.settings import Settings, to_dict
from reproaudit.lock.model import Entry, Lock, LockedOp, LockedRun, LockedTensor, Pairs

MAGIC = "reproaudit-lock"
FORMAT_VERSION = 1
END = "end"
HEADER_NOTE = (
    "# Made by `reproaudit lock`, compared by `reproaudit check`. "
    "Not edited by hand: lock again, review the diff."
)


def to_text(lock: Lock) -> str:
    """Return the text of a lock: the same bytes for the same lock."""
    lines = [f"{MAGIC} {FORMAT_VERSION}", HEADER_NOTE]
    for entry in lock.entries:
        lines += ["", *_entry(entry)]
        for run in entry.runs:
            lines += ["", *_run(run)]
    return "\n".join((*lines, "", END)) + "\n"


def word(text: str) -> str:
    """Return `text` as one word of a line."""
    return "%2D" if text == "-" else _escaped(text, " %") or "-"


def phrase(text: str) -> str:
    """Return `text` as the rest of a line, its spaces kept where they cannot be lost."""
    return word(text) if text != text.strip() or text in ("", "-") else _escaped(text, "%")


def _escaped(text: str, special: str) -> str:
    return "".join(
        letter
        if letter.isprintable() and letter not in special
        else "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
        for letter in text
    )


def _entry(entry: Entry) -> Iterator[str]:
    yield f"subject {word(entry.subject)}"
    for argument in entry.arguments:
        yield f"  argument {word(argument)}"
    for wanted in entry.inputs:
        yield f"  input {word(wanted)}"
    yield f"  steps {'all' if entry.steps is None else entry.steps}"
    for name, value in flat_settings(entry.settings):
        yield f"  setting {word(name)} {phrase(value)}"


def flat_settings(settings: Settings) -> Pairs:
    """Return what is set, as (name, JSON text); a variable of `env` is called env.NAME."""
    rows: list[tuple[str, str]] = []
    for name, value in to_dict(settings).items():
        if name == "env":
            rows += [
                (f"env.{variable}", json.dumps(text)) for variable, text in sorted(value.items())
            ]
        else:
            rows.append((name, json.dumps(value)))
    return tuple(rows)


def _run(run: LockedRun) -> Iterator[str]:
    yield "environment"
    yield from map(_named, run.environment)
    yield from ("", "code")
    yield from (f"  {digest} {word(path)}" for path, digest in run.files)
    if run.changes:
        yield from ("", "set-by-the-program")
        yield from map(_named, run.changes)
    for (process, step), tensors in groupby(run.tensors, key=_section):
        yield from ("", f"step {step}{_of(process)}")
        yield from map(_tensor, tensors)
    threads = "all-threads" if run.other_threads else "main-thread"
    yield from ("", f"operators {len(run.operators)} of {run.operators_total} {threads}")
    for (process, step), operators in groupby(run.operators, key=_section):
        yield from ("", f"operators-of-step {step}{_of(process)}")
        yield from map(_operator, operators)


def _named(row: tuple[str, str]) -> str:
    name = phrase(row[0]).replace(":", "%3A")
    return f"  {name}: {phrase(row[1])}"


def _section(row: LockedTensor | LockedOp) -> tuple[str, int]:
    return row.process, row.step


def _of(process: str) -> str:
    return f" {word(process)}" if process else ""


def _tensor(tensor: LockedTensor) -> str:
    words: Iterable[str] = (
        f"{tensor.kind:<12}",
        tensor.digest,
        word(tensor.tensor),
        word(tensor.name),
    )
    return "  " + " ".join((*words, *([word(tensor.value)] if tensor.value else ())))


def _operator(op: LockedOp) -> str:
    words = (
        f"{op.phase:<9}",
        op.inputs.ljust(8),
        op.outputs.ljust(8),
        word(op.op),
        f"{word(op.path)}:{op.line}",
        word(op.module),
    )
    return "  " + " ".join((*words, *([f"generator={op.generator}"] if op.generator else ())))
