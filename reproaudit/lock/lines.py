"""Reading single lines of a lock. Each function raises Malformed, which the reader gives a line."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from reproaudit.codec import Malformed, parse_json
from reproaudit.lock.model import KINDS, OUTSIDE, VARIES, LockedOp, LockedTensor
from reproaudit.model.events import Phase

MAX_LINE = 8192  # characters
TENSOR_DIGITS = 16  # of a digest
OP_DIGITS = 8
_MAX_NUMBER_DIGITS = 9
_MAX_SHOWN = 40  # characters of a word in an error
_DIGEST = re.compile(r"[0-9a-f]+", re.ASCII)
_ESCAPE = re.compile(r"%(?![0-9A-F]{2})")
_OPERATOR_FORM = (
    "PHASE INPUTS OUTPUTS OPERATOR FILE:LINE MODULE [cell=N] [generator=DIGEST] [line=DIGEST]"
)
_FURTHER = ("cell", "generator", "line")
_PHASES = frozenset(phase.name.lower() for phase in Phase)


class Place(NamedTuple):
    """Where in a run the rows of a section belong; `process` is "" for the main one."""

    process: str
    step: int


def read_word(text: str) -> str:
    """Return what a word stands for: "-" for nothing, percent signs for bytes of UTF-8."""
    if not text or _ESCAPE.search(text):
        rules = "a percent sign is written %25, nothing is written -"
        raise Malformed(f"{_quote(text)} is no word of a lock: {rules}")
    if text == "-":
        return ""
    try:
        return unquote_to_bytes(text).decode("utf-8", "surrogatepass")
    except UnicodeError:
        raise Malformed(f"{_quote(text)} is not UTF-8") from None


def read_digest(text: str, digits: int) -> str:
    """Return a digest of so many hexadecimal digits, or VARIES."""
    if text == VARIES:
        return text
    if len(text) != digits or not _DIGEST.fullmatch(text):
        raise Malformed(f"{_quote(text)} is no digest of {digits} hexadecimal digits")
    return text


def read_count(text: str) -> int:
    """Return a number of at most nine digits."""
    # Digits of other scripts are digits too, so it asks for ASCII.
    is_number = text.isascii() and text.isdigit()
    if not is_number or len(text) > _MAX_NUMBER_DIGITS:
        raise Malformed(f"{_quote(text)} is no number")
    return int(text)


def read_steps(text: str) -> int | None:
    """Return a number of steps, None for "all"."""
    if text == "all":
        return None
    return read_count(text)


def read_setting(text: str) -> tuple[str, Any]:
    """Return the name and the value of a line NAME JSON."""
    name, _, value = text.partition(" ")
    shown = _quote(name)
    json_text = read_word(value)
    try:
        found = parse_json(json_text)
    except Malformed:
        raise Malformed(f"the value of the setting {shown} is no JSON") from None
    return read_word(name), found


def read_pair(text: str) -> tuple[str, str]:
    """Return both parts of a line NAME: VALUE."""
    name, colon, value = text.partition(": ")
    if not colon:
        raise Malformed("the line is not NAME: VALUE")
    return read_word(name), read_word(value)


def read_file(text: str) -> tuple[str, str]:
    """Return the path and the digest of a line DIGEST PATH."""
    words = text.split()
    if len(words) != 2:
        raise Malformed(f"the line holds {len(words)} words, not 2")
    digest, path = words
    return read_word(path), read_digest(digest, TENSOR_DIGITS)


def read_tensor(text: str, place: Place) -> LockedTensor:
    """Read a line KIND DIGEST TENSOR NAME [VALUE]."""
    words = text.split()
    count = len(words)
    if count not in (4, 5) or words[0] not in KINDS:
        raise Malformed("the line is not KIND DIGEST TENSOR NAME [VALUE]")
    kind, digest, tensor, name = words[:4]
    value = ""
    if count == 5:
        value = read_word(words[4])
    return LockedTensor(
        process=place.process,
        step=place.step,
        kind=kind,
        name=read_word(name),
        tensor=read_word(tensor),
        digest=read_digest(digest, TENSOR_DIGITS),
        value=value,
    )


def read_operator(text: str, place: Place) -> LockedOp:
    """Read a line as `_OPERATOR_FORM` says it."""
    words = text.split()
    if len(words) < 6 or words[0] not in _PHASES:
        raise Malformed(f"the line is not {_OPERATOR_FORM}")
    phase, inputs, outputs, op, location, module = words[:6]
    further = _read_further(words[6:])
    # The last colon stands before the line: a path may hold others.
    path, colon, line = location.rpartition(":")
    if not colon:
        raise Malformed(f"the line is not {_OPERATOR_FORM}")
    return LockedOp(
        process=place.process,
        step=place.step,
        phase=phase,
        op=read_word(op),
        path=read_word(path),
        line=read_count(line),
        module=read_word(module),
        inputs=_read_inputs(inputs),
        outputs=read_digest(outputs, OP_DIGITS),
        generator=further.get("generator", ""),
        text=further.get("line", ""),
        cell=int(further.get("cell", "0")),
    )


def _read_inputs(text: str) -> str:
    if text == OUTSIDE:
        return text
    return read_digest(text, OP_DIGITS)


def _read_further(words: list[str]) -> dict[str, str]:
    """Return what a line holds under a name, in the order in which it is written."""
    found: dict[str, str] = {}
    wanted = list(_FURTHER)
    for word in words:
        key, _, digest = word.partition("=")
        if key not in wanted:
            raise Malformed(f"the line is not {_OPERATOR_FORM}")
        del wanted[: wanted.index(key) + 1]
        if key == "cell":
            found[key] = str(read_count(digest))
        else:
            found[key] = read_digest(digest, OP_DIGITS) if digest else ""
    return found


def _quote(text: str) -> str:
    return repr(text[:_MAX_SHOWN])
