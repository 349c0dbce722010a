"""Owns reproaudit-baseline.json: the findings that a team has accepted, which a gate then lets
pass.

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
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

from reproaudit.config.settings import did_you_mean
from reproaudit.errors import ReproauditError
from reproaudit.model.identity import divergence_fingerprint, fingerprints
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.wording import kind_word

FORMAT_VERSION = 1
NO_SOURCE = "no-source-located"  # stands for the rule where runs differ and no finding says why
_HINT = "put back the last version that was good, or delete the file and make it again with --update-baseline"
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( |$)", re.MULTILINE)
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One divergence that a baseline accepts, or could accept. The order of the fields is the order
    in the file."""

    subject: str
    rule: str
    location: str
    op: str
    fingerprint: str
    reason: str = ""


def entries_of(result: AuditResult) -> tuple[Entry, ...]:
    """Return what differs in one audit: its findings, or, where it differs without any, the place
    where it shows."""
    marks = fingerprints(result.subject, result.findings)
    found = [
        Entry(result.subject, finding.rule, _place(finding), finding.op or "", mark)
        for finding, mark in zip(result.findings, marks, strict=True)
    ]
    if not found and result.verdict is Verdict.NOT_REPRODUCIBLE:
        row = result.first_divergence
        shown = f"{kind_word(row.kind)} {row.name}" if row is not None else "how the runs end"
        found.append(
            Entry(
                subject=result.subject,
                rule=NO_SOURCE,
                location=shown,
                op="",
                fingerprint=divergence_fingerprint(result),
            )
        )
    return tuple(found)


def _place(finding: Finding) -> str:
    place = finding.location
    if place is None:
        return finding.module
    return f"{place.path} in {place.function}" if place.function else place.path


def load(path: Path) -> tuple[Entry, ...] | None:
    """Return the entries of a baseline; None if there is no such file. Anything else in it is a
    ReproauditError."""
    try:
        return from_text(path.read_text(encoding="utf-8"), path.name)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        _refuse(path.name, str(error))


def save(path: Path, entries: Iterable[Entry]) -> None:
    """Write a baseline through a temporary name: a failure leaves the old file as it is."""
    temporary = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(to_text(entries), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ReproauditError(
            f"cannot write the baseline {path.name!r}: {error.strerror}",
            code="baseline-write",
            hint="name another path with --baseline",
        ) from None


def to_text(entries: Iterable[Entry]) -> str:
    """Return the file's text, the same for the same entries in any order."""
    rows = [
        {name: value for name, value in asdict(entry).items() if value or name != "reason"}
        for entry in sorted(entries)
    ]
    return json.dumps({"version": FORMAT_VERSION, "accepted": rows}, indent=1) + "\n"


def from_text(text: str, name: str) -> tuple[Entry, ...]:
    """Read what `to_text` wrote; errors call the file `name`."""
    if _CONFLICT.search(text):
        _refuse(
            name,
            "it holds the marks of an unfinished merge",
            "baseline-conflict",
            "keep the entries that both sides have, and remove the marks",
        )
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        _refuse(name, f"it is not JSON ({error})")
    if not isinstance(document, dict) or "version" not in document:
        _refuse(name, "it has no version")
    if document["version"] != FORMAT_VERSION or type(document["version"]) is not int:
        found = str(document["version"])[:40]
        _refuse(
            name,
            f"its version is {found}, this reproaudit reads {FORMAT_VERSION}",
            "baseline-version",
            "use the reproaudit that wrote it, or delete the file and make it again",
        )
    _require_known(name, "at the top", document, ("version", "accepted"))
    rows = document.get("accepted")
    if not isinstance(rows, list):
        _refuse(name, "accepted is no list")
    entries = [_entry(name, f"accepted[{number}]", row) for number, row in enumerate(rows)]
    marks = [entry.fingerprint for entry in entries]
    for number, mark in enumerate(marks):
        if mark in marks[:number]:
            _refuse(
                name,
                f"the fingerprint {mark} stands in it twice",
                hint="remove one of the two entries",
            )
    return tuple(sorted(entries))


def _entry(name: str, where: str, row: Any) -> Entry:
    known = [field.name for field in fields(Entry)]
    if not isinstance(row, dict):
        _refuse(name, f"{where} is no object")
    _require_known(name, where, row, known)
    for key in known:
        if key not in row and key != "reason":
            _refuse(name, f"{where} has no {key}")
        if not isinstance(row.get(key, ""), str):
            _refuse(name, f"{where}: {key} is no text")
    if _FINGERPRINT.fullmatch(row["fingerprint"]) is None:
        _refuse(name, f"{where}: the fingerprint is not 32 hexadecimal digits")
    return Entry(**row)


def _require_known(name: str, where: str, row: dict[str, Any], known: Iterable[str]) -> None:
    for key in row:
        if key not in known:
            _refuse(name, f"{where}: there is no key {key!r}", hint=did_you_mean(key, known))


def _refuse(name: str, fault: str, code: str = "baseline-corrupt", hint: str = _HINT) -> NoReturn:
    raise ReproauditError(
        f"cannot read the baseline {name!r}: {fault}", code=code, hint=hint
    ) from None
