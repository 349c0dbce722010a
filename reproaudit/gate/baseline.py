"""Owns reproaudit-baseline.json: the findings that a team has accepted, and a gate lets pass.

Format history (the key "version"; any key that is added, dropped or retyped is a new number)
  1  first version

A finding is known by its fingerprint alone; the other keys are there for those who review the file,
and `reason` is theirs to fill in. A line number is not among them: it would change with every edit.
The file is written sorted, so that it only changes where its content does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, NoReturn

from reproaudit.codec import Malformed, Wanted, decode, encode, parse_json, quote
from reproaudit.errors import ReproauditError
from reproaudit.files import Unreadable, read_text
from reproaudit.model.identity import divergence_fingerprint, fingerprints
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.destinations import Destination
from reproaudit.report.wording import name_kind

FORMAT_VERSION = 1
_MOST_BYTES = 32 << 20  # read, it takes up to thirty times as much memory
DESTINATION = Destination(
    "the baseline", code="baseline-write", hint="name another path with --baseline"
)
NO_SOURCE = "no-source-located"  # stands for the rule where runs differ and no finding says why
_HINT = (
    "put back the last version that was good, "
    "or delete the file and make it again with --update-baseline"
)
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( |$)", re.MULTILINE)
_FINGERPRINT = Wanted(
    "32 hexadecimal digits", lambda text: re.fullmatch(r"[0-9a-f]{32}", text) is not None
)


@dataclass(frozen=True, slots=True, order=True)
class BaselineEntry:
    """One divergence that a baseline accepts, or could accept.

    The order of the fields is the order in the file.
    """

    OMITS_DEFAULTS: ClassVar[bool] = True

    subject: str
    rule: str
    location: str
    op: str
    fingerprint: Annotated[str, _FINGERPRINT]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Document:
    version: int
    accepted: tuple[BaselineEntry, ...]


def list_entries(result: AuditResult) -> tuple[BaselineEntry, ...]:
    """Return what differs in one audit.

    These are its findings, or, where it differs without any, the place where it shows.
    """
    marks = fingerprints(result.subject, result.findings)
    found = [
        BaselineEntry(
            subject=result.subject,
            rule=finding.rule,
            location=_show_place(finding),
            op=finding.op or "",
            fingerprint=mark,
        )
        for finding, mark in zip(result.findings, marks, strict=True)
    ]
    if not found and result.verdict is Verdict.NOT_REPRODUCIBLE:
        row = result.first_divergence
        shown = "how the runs end"
        if row is not None:
            shown = f"{name_kind(row.kind)} {row.name}"
        found.append(
            BaselineEntry(
                subject=result.subject,
                rule=NO_SOURCE,
                location=shown,
                op="",
                fingerprint=divergence_fingerprint(result),
            )
        )
    return tuple(found)


def _show_place(finding: Finding) -> str:
    place = finding.location
    if place is None:
        return finding.module
    if not place.function or place.cell:
        return place.path
    return f"{place.path} in {place.function}"


def load(path: Path) -> tuple[BaselineEntry, ...] | None:
    """Return the entries of a baseline; None if there is no such file.

    Raises ReproauditError for a file that cannot be read or is no baseline.
    """
    try:
        text = read_text(path, _MOST_BYTES)
    except FileNotFoundError:
        return None
    except Unreadable as error:
        _refuse(path.name or str(path), str(error))
    return from_text(text, path.name)


def save(path: Path, entries: Iterable[BaselineEntry]) -> None:
    """Write a baseline through a temporary name: a failure leaves the old file as it is."""
    DESTINATION.write(path, to_text(entries))


def to_text(entries: Iterable[BaselineEntry]) -> str:
    """Return the file's text, the same for the same entries in any order."""
    in_order = tuple(sorted(entries))
    document = _Document(version=FORMAT_VERSION, accepted=in_order)
    text = json.dumps(encode(_Document, document), indent=1)
    return f"{text}\n"


def from_text(text: str, name: str) -> tuple[BaselineEntry, ...]:
    """Read what `to_text` wrote; errors call the file `name`."""
    # Before the text is parsed: such marks are no JSON, and that error would not say why.
    if _CONFLICT.search(text):
        _refuse(
            name,
            "it holds the marks of an unfinished merge",
            "baseline-conflict",
            "keep the entries that both sides have, and remove the marks",
        )
    try:
        document = parse_json(text)
    except Malformed as fault:
        _refuse(name, fault.fault)
    if not isinstance(document, dict) or "version" not in document:
        _refuse(name, "it has no version")
    _check_version(document["version"], name)
    try:
        entries = decode(_Document, document).accepted
    except Malformed as fault:
        _refuse(name, str(fault), hint=fault.hint or _HINT)
    marks: set[str] = set()
    for entry in entries:
        if entry.fingerprint in marks:
            _refuse(
                name,
                f"the fingerprint {entry.fingerprint} stands in it twice",
                hint="remove one of the two entries",
            )
        marks.add(entry.fingerprint)
    return tuple(sorted(entries))


def _check_version(version: object, name: str) -> None:
    # By type too: in Python 1.0 and True are equal to 1.
    if version != FORMAT_VERSION or type(version) is not int:
        _refuse(
            name,
            f"its version is {quote(version)}, this reproaudit reads {FORMAT_VERSION}",
            code="baseline-version",
            hint="use the reproaudit that wrote it, or delete the file and make it again",
        )


def _refuse(name: str, fault: str, code: str = "baseline-corrupt", hint: str = _HINT) -> NoReturn:
    raise ReproauditError(
        f"cannot read the baseline {name!r}: {fault}", code=code, hint=hint
    ) from None
