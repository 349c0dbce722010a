"""Makes a folder that shows one nondeterministic operator without us: a script, its inputs, and a
text for an issue."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reproaudit.errors import TraceError, UsageError
from reproaudit.files import open_regular, put_in_place, read_run_file, refuse, write_whole
from reproaudit.model.result import Finding
from reproaudit.report.destinations import REPRODUCER
from reproaudit.report.moments import name_when
from reproaudit.report.wording import show_name, word_difference
from reproaudit.trace.words import CALL_FILE, CALL_FORMAT, INPUTS_FILE

SCRIPT_FILE = "reproduce.py"
README_FILE = "README.md"
_TEMPLATE = Path(__file__).with_name("reproduce.py.txt")
_DATA = "# <data>\n"  # the line of the template that the call stands for
_OPERATOR = re.compile(r"[A-Za-z_]\w*::[A-Za-z_]\w*", re.ASCII)
_OVERLOAD = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def write_reproducer(
    source: Path,
    target: Path,
    *,
    finding: Finding,
    environment: Mapping[str, str],
    threads: int | None,
    repeats: int = 50,
) -> Path:
    """Make the folder `target` from the call that a recording left in `source`; return `target`.

    `threads`: how many the script computes with unless told otherwise; None leaves it to torch.
    Files of an earlier reproducer are replaced. Raises TraceError for a call that is missing or
    corrupt, UsageError if `target` cannot be written.
    """
    call = _read_call(source / CALL_FILE)
    try:
        script = _write_script(call, finding, threads, repeats).encode()
    except RecursionError:
        refuse(source / CALL_FILE, "it is nested too deeply")
    readme = _write_readme(call, finding, environment, repeats).encode()
    with REPRODUCER.name_failures(target):
        target.mkdir(parents=True, exist_ok=True)
        descriptor, _ = open_regular(source / INPUTS_FILE)
        with (
            os.fdopen(descriptor, "rb") as inputs,
            put_in_place(target / INPUTS_FILE) as temporary,
            open(temporary, "wb") as copy,
        ):
            shutil.copyfileobj(inputs, copy)
        write_whole(target / README_FILE, readme)
        write_whole(target / SCRIPT_FILE, script)
    return target


def write_reproducer_anyhow(source: Path, target: Path, **details: Any) -> tuple[str, str]:
    """Do the same, in a temporary folder if `target` takes nothing; nothing of it is worth an
    audit.

    Returns the folder, "" if there is none, and what went wrong, "" if nothing did.
    """
    try:
        return str(write_reproducer(source, target, **details)), ""
    except TraceError as error:
        return "", error.message
    except UsageError as error:
        fault = error.message
    try:
        elsewhere = Path(tempfile.mkdtemp(prefix="reproaudit-kept-"))
        write_reproducer(source, elsewhere, **details)
    except (OSError, UsageError):
        return "", fault
    return str(elsewhere), f"{fault}; it is in {elsewhere}"


def _read_call(path: Path) -> dict[str, Any]:
    """Return the call, checked in so far as it becomes code: names are names, the rest is embedded
    as literals."""
    call = read_run_file(path)
    if call.get("format") != CALL_FORMAT:
        raise TraceError(
            f"cannot read {str(path)!r}: call format {call.get('format')!r}, "
            f"this reproaudit reads {CALL_FORMAT}",
            code="trace-version",
            hint="record it again, or use the reproaudit that wrote it",
        )
    if not _is_name(call.get("op"), _OPERATOR) or not _is_name(call.get("overload"), _OVERLOAD):
        refuse(path, "it names no operator")
    shapes = {"args": list, "kwargs": dict, "tensors": list, "mutated": list, "workspace": list}
    for field, kind in shapes.items():
        if not isinstance(call.get(field), kind):
            refuse(path, f"its field {field!r} is missing or not what it should be")
    if not all(isinstance(tensor, dict) for tensor in call["tensors"]):
        refuse(path, "one of its tensors is not described")
    return call


def _is_name(text: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None


def _write_script(
    call: Mapping[str, Any], finding: Finding, threads: int | None, repeats: int
) -> str:
    values = {
        "OP": call["op"],
        "OVERLOAD": call["overload"],
        "TENSORS": call["tensors"],
        "ARGS": call["args"],
        "KWARGS": call["kwargs"],
        "MUTATED": call["mutated"],
        "UNDEFINED": call["workspace"],
        "THREADS": threads,
        "REPEATS": repeats,
    }
    origin = show_name(_say_origin(finding))
    lines = [f"# The call comes from {origin}."]
    if not call["op"].startswith("aten::"):
        lines.append(
            "# The operator is not torch's own: import here the library that registers it."
        )
    for name, value in values.items():
        if name in _COMMENTS:
            lines.append(f"# {_COMMENTS[name]}")
        source = _write_source(value, is_broken=name == "TENSORS")
        lines.append(f"{name} = {source}")
    data = "\n".join(lines) + "\n"
    template = _TEMPLATE.read_text(encoding="utf-8")
    return template.replace(_DATA, data)


_COMMENTS = {
    "TENSORS": "Where each tensor lies in which storage of inputs.safetensors; "
    "`offset` and `stride` count elements.",
    "ARGS": 'An argument {"tensor": 0} is the first of these tensors.',
    "MUTATED": "Tensors that the operator writes: their content afterwards is part of its result.",
    "UNDEFINED": "Outputs that may hold undefined memory: they are no part of it.",
    "THREADS": "None: as many as torch takes by itself.",
}


def _write_source(value: Any, *, is_broken: bool = False) -> str:
    """Return Python source for what JSON can hold.

    If `is_broken`, each item of a list has a line of its own.
    """
    if isinstance(value, dict):
        pairs = []
        for key, item in value.items():
            pairs.append(f"{_write_source(key)}: {_write_source(item)}")
        inside = ", ".join(pairs)
        return f"{{{inside}}}"
    if isinstance(value, list):
        items = [_write_source(item) for item in value]
        if is_broken and items:
            lines = [f"    {item},\n" for item in items]
            return "[\n" + "".join(lines) + "]"
        inside = ", ".join(items)
        return f"[{inside}]"
    if isinstance(value, str):
        # JSON's escapes are Python's, but for the surrogate pairs that it makes of what is not
        # ASCII.
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def _say_origin(finding: Finding) -> str:
    """Return the line, the module and the moment of the call."""
    origin = "a line that is not known"
    if finding.location:
        origin = str(finding.location)
    if finding.module:
        origin += f", module {finding.module}"
    moment = name_when(finding)
    return f"{origin}, {moment}"


def _write_readme(
    call: Mapping[str, Any], finding: Finding, environment: Mapping[str, str], repeats: int
) -> str:
    # As people write it: the overload `default` goes without saying.
    op = f"{call['op']}.{call['overload']}".removesuffix(".default")
    origin = _code(_say_origin(finding))
    tensors = []
    for number, tensor in enumerate(call["tensors"]):
        tensors.append(f"- tensor {number}: {_show_tensor(tensor)}")
    facts = []
    for name, value in environment.items():
        facts.append(f"| {_cell(name)} | {_cell(value)} |")
    return "\n".join(
        [
            f"# `{op}` returns different results for equal inputs",
            "",
            f"`{SCRIPT_FILE}` calls the operator {repeats} times on the same inputs and compares "
            "what it returns, and what it overwrites, bit for bit.",
            "",
            "## To reproduce",
            "",
            f"    python {SCRIPT_FILE}",
            f"    python {SCRIPT_FILE} --deterministic    "
            "# under torch.use_deterministic_algorithms(True)",
            f"    python {SCRIPT_FILE} --threads 1",
            "",
            "It needs torch and safetensors. Exit code: 0 all results are equal, 1 they differ, "
            "2 it could not be called. If all are equal, try more `--repeats`, or more `--threads` "
            "than there are cores.",
            "",
            "## Where it comes from",
            "",
            f"In the program, `{op}` is called at {origin}, with:",
            "",
            *(tensors or ["- no tensors"]),
            "",
            "## What was seen",
            "",
            *_list_evidence(finding),
            "",
            "## Environment",
            "",
            "| | |",
            "|---|---|",
            *facts,
            "",
        ]
    )


def _show_tensor(tensor: Mapping[str, Any]) -> str:
    # The recording may be a stranger's: fields of another kind are shown, and none is needed.
    dtype = tensor.get("dtype")
    shape = tensor.get("shape")
    device = tensor.get("device")
    stride = tensor.get("stride")
    sizes = "?"
    if isinstance(shape, list):
        sizes = ", ".join(map(str, shape))
    return _code(f"{dtype}[{sizes}] on {device}, strides {stride}")


def _list_evidence(finding: Finding) -> list[str]:
    """Return what the audit found out about the operator, one point a line."""
    evidence = finding.evidence
    lines: list[str] = []
    if evidence.observed:
        lines.append("- it gave different results in two runs of the program, on equal inputs")
    if evidence.replays is not None:
        replays = evidence.replays
        how = " beside competing work" if replays.contention else ""
        lines.append(
            f"- repeated on its own inputs, {replays.differing} of {replays.made} calls "
            f"gave another result{how}"
        )
    elif evidence.replayed is not None:
        which = "other" if evidence.replayed else "the same"
        lines.append(f"- repeated on its own inputs, it gave {which} results")
    if evidence.declared is not None:
        verb = "refuses" if evidence.declared else "does not refuse"
        lines.append(f"- `torch.use_deterministic_algorithms(True)` {verb} it")
    if evidence.switched is not None:
        how = "equal" if evidence.switched else "still different"
        lines.append(f"- with that flag, its results are {how}")
    if finding.difference is not None:
        lines.append(f"- of its result, {word_difference(finding.difference)}")
    return lines or ["- nothing but this: the runs of the program that it comes from differ"]


def _code(text: str) -> str:
    # A backtick would end the span, so it becomes a quote.
    shown = show_name(text).replace("`", "'")
    return f"`{shown}`"


def _cell(text: str) -> str:
    return show_name(text).replace("|", "\\|")
