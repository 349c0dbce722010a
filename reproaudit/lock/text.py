"""The lock as text: UTF-8, LF, one fact a line, in an order that does not change.

Format history
  1  first version

A line without indentation begins a section, which is also what diffs show above a hunk. Words that
hold spaces or characters that cannot be printed are percent-encoded; "-" stands for an empty one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby

from reproaudit.config.settings import Settings, to_dict
from reproaudit.lock.model import (
    AFTER_ALL_STEPS,
    Entry,
    Lock,
    LockedOp,
    LockedRun,
    LockedTensor,
    Pairs,
)

MAGIC = "reproaudit-lock"
FORMAT_VERSION = 1
END = "end"
HEADER_NOTE = (
    "# Made by `reproaudit lock`, compared by `reproaudit check`. "
    "Not edited by hand: lock again, review the diff."
)


def to_text(lock: Lock) -> str:
    """Return the text of a lock: the same bytes for the same lock."""
    lines = [
        f"{MAGIC} {FORMAT_VERSION}",
        HEADER_NOTE,
    ]
    for entry in lock.entries:
        lines.append("")
        lines += _write_entry(entry)
        for run in entry.runs:
            lines.append("")
            lines += _write_run(run)
    lines.append("")
    lines.append(END)
    return "\n".join(lines) + "\n"


def write_word(text: str) -> str:
    """Return `text` as one word of a line."""
    if not text:
        return "-"
    # A lone "-" would be read back as an empty word.
    if text == "-":
        return "%2D"
    return _escape(text, " %")


def write_phrase(text: str) -> str:
    """Return `text` as the rest of a line, its spaces kept where they cannot be lost."""
    has_outer_spaces = text != text.strip()
    if has_outer_spaces or text in ("", "-"):
        return write_word(text)
    return _escape(text, "%")


def _escape(text: str, special: str) -> str:
    parts = []
    for letter in text:
        if letter.isprintable() and letter not in special:
            parts.append(letter)
            continue
        # File names may hold lone surrogates, where Python could not decode a byte.
        for byte in letter.encode("utf-8", "surrogatepass"):
            parts.append(f"%{byte:02X}")
    return "".join(parts)


def _write_entry(entry: Entry) -> Iterator[str]:
    subject = write_word(entry.subject)
    yield f"subject {subject}"
    for argument in entry.arguments:
        yield "  argument " + write_word(argument)
    for wanted in entry.inputs:
        yield "  input " + write_word(wanted)
    if entry.steps is None:
        yield "  steps all"
    else:
        yield f"  steps {entry.steps}"
    settings = flatten_settings(entry.settings)
    for name, value in settings:
        yield f"  setting {write_word(name)} {write_phrase(value)}"


def flatten_settings(settings: Settings) -> Pairs:
    """Return what is set, as (name, JSON text); a variable of `env` is called env.NAME."""
    rows = []
    for name, value in to_dict(settings).items():
        if name != "env":
            text = json.dumps(value)
            rows.append((name, text))
            continue
        for variable, content in sorted(value.items()):
            text = json.dumps(content)
            rows.append((f"env.{variable}", text))
    return tuple(rows)


def _write_run(run: LockedRun) -> Iterator[str]:
    yield "environment"
    for name, value in run.environment:
        yield _write_pair(name, value)
    yield ""
    yield "code"
    for path, digest in run.files:
        yield f"  {digest} {write_word(path)}"
    if run.changes:
        yield ""
        yield "set-by-the-program"
        for name, value in run.changes:
            yield _write_pair(name, value)
    yield from _write_tensors(run)
    yield from _write_operators(run)


def _write_pair(name: str, value: str) -> str:
    # The first colon parts name and value, so that a name holds none.
    escaped = write_phrase(name)
    escaped = escaped.replace(":", "%3A")
    return f"  {escaped}: {write_phrase(value)}"


def _write_tensors(run: LockedRun) -> Iterator[str]:
    sections = groupby(run.tensors, key=_get_section)
    for (process, step), tensors in sections:
        yield ""
        if step == AFTER_ALL_STEPS:
            yield _write_process("left", process)
        else:
            yield _write_heading("step", step, process)
        for tensor in tensors:
            yield _write_tensor(tensor)


def _write_operators(run: LockedRun) -> Iterator[str]:
    threads = "main-thread"
    if run.other_threads:
        threads = "all-threads"
    here = len(run.operators)
    yield ""
    yield f"operators {here} of {run.operators_total} {threads}"
    sections = groupby(run.operators, key=_get_section)
    for (process, step), operators in sections:
        yield ""
        yield _write_heading("operators-of-step", step, process)
        for op in operators:
            yield _write_operator(op)


def _get_section(row: LockedTensor | LockedOp) -> tuple[str, int]:
    return row.process, row.step


def _write_heading(word: str, step: int, process: str) -> str:
    return _write_process(f"{word} {step}", process)


def _write_process(heading: str, process: str) -> str:
    if process:
        heading += f" {write_word(process)}"
    return heading


def _write_tensor(tensor: LockedTensor) -> str:
    words = [
        tensor.kind.ljust(12),
        tensor.digest,
        write_word(tensor.tensor),
        write_word(tensor.name),
    ]
    if tensor.value:
        value = write_word(tensor.value)
        words.append(value)
    return "  " + " ".join(words)


def _write_operator(op: LockedOp) -> str:
    path = write_word(op.path)
    words = [
        op.phase.ljust(9),
        op.inputs.ljust(8),
        op.outputs.ljust(8),
        write_word(op.op),
        f"{path}:{op.line}",
        write_word(op.module),
    ]
    if op.cell:
        words.append(f"cell={op.cell}")
    if op.generator:
        words.append(f"generator={op.generator}")
    if op.text:
        words.append(f"line={op.text}")
    return "  " + " ".join(words)
