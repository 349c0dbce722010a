"""Owns paths as the user sees them: from the working directory, where patches and commands start
too."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from reproaudit.model.aligned_ops import AlignedOps
from reproaudit.model.events import Location, NotChecked, ProgramWarning
from reproaudit.model.question import (
    FlagSetting,
    LostState,
    Resumption,
    SeedStream,
    list_locations,
)
from reproaudit.model.result import AuditResult, Finding

_FOREIGN = ("/", "<", "site-packages/")  # absolute, `<string>`, or of an installed package

_WORD = re.compile(r"[^\s:'\"(),`]+")
_MOST_ODD = 20  # paths with a space or a bracket that are looked for in sentences


class _Folder:
    """The folder that paths are relative to, seen from the working directory."""

    def __init__(self, folder: str, paths: set[str]) -> None:
        self._folder = folder
        self._paths = paths
        # Paths with a space are no words. There are few, and the longest is to be found first.
        odd = sorted((path for path in paths if not _WORD.fullmatch(path)), key=len, reverse=True)
        parts = [*map(re.escape, odd[:_MOST_ODD]), _WORD.pattern]
        # Whole paths only: `train.py:7` is no part of `net/train.py:7`.
        self._named = re.compile(rf"(?<![\w./\\-])(?:{'|'.join(parts)})(?=:\d|, cell \d)")

    def move(self, location: Location | None) -> Location | None:
        if location is None:
            return None
        return self.move_known(location)

    def move_known(self, location: Location) -> Location:
        return replace(location, path=self.move_path(location.path))

    def move_path(self, path: str) -> str:
        return join_path(self._folder, path) if is_own(path) else path

    def rewrite(self, text: str) -> str:
        """Return a sentence with the paths that it names moved."""
        return self._named.sub(self._join, text)

    def _join(self, match: re.Match[str]) -> str:
        path = match[0]
        return join_path(self._folder, path) if path in self._paths else path


def is_own(path: str) -> bool:
    """Return True for a path that is relative to the subject's folder."""
    return bool(path) and not path.startswith(_FOREIGN)


@lru_cache(maxsize=4096)
def join_path(folder: str, path: str) -> str:
    """Return a path that is relative to `folder` from the working directory."""
    return posixpath.normpath(posixpath.join(folder, path))


def move_to_working_folder(result: AuditResult) -> AuditResult:
    """Return the result with every line named from the working directory.

    Its locations are relative to the subject's folder, and so are those in its sentences.
    """
    if not result.folder:
        return result
    paths = {location.path for location in _list_locations(result) if is_own(location.path)}
    folder = _Folder(result.folder, paths)
    return replace(
        result,
        headline=folder.rewrite(result.headline),
        findings=tuple(_move_finding(folder, finding) for finding in result.findings),
        alerts=tuple(
            replace(alert, location=folder.move(alert.location)) for alert in result.alerts
        ),
        warnings=tuple(_move_warning(folder, warning) for warning in result.warnings),
        changes=tuple(
            replace(change, location=folder.move(change.location)) for change in result.changes
        ),
        not_checked=tuple(_move_note(folder, note) for note in result.not_checked),
        resumption=_move_resumption(folder, result.resumption),
        streams=tuple(_move_stream(folder, stream) for stream in result.streams),
        timeline=tuple(_move_flag(folder, setting) for setting in result.timeline),
        variations=tuple(
            replace(outcome, why=folder.rewrite(outcome.why)) for outcome in result.variations
        ),
        excerpts=tuple(
            replace(excerpt, path=folder.move_path(excerpt.path)) for excerpt in result.excerpts
        ),
        ops=None if result.ops is None else move_ops(result.folder, result.ops),
        folder="",
    )


def move_location(folder: str, location: Location | None) -> Location | None:
    """Return a location that is relative to the subject's folder from the working directory."""
    return _Folder(folder, set()).move(location) if folder else location


def move_ops(folder: str, ops: AlignedOps) -> AlignedOps:
    """Return operators of two runs with their lines named from the working directory."""
    if not folder:
        return ops
    move = _Folder(folder, set()).move_known
    return replace(ops, locations=tuple(map(move, ops.locations)))


def move_finding(folder: str, finding: Finding) -> Finding:
    """Return a finding with its line named from the working directory, and its sentences as they
    are."""
    return replace(finding, location=move_location(folder, finding.location))


def _list_locations(result: AuditResult) -> Iterator[Location]:
    found = [
        *(finding.location for finding in result.findings),
        *(alert.location for alert in result.alerts),
        *(warning.location for warning in result.warnings),
        *(change.location for change in result.changes),
    ]
    found += list_locations(result.resumption, result.streams, result.timeline)
    for location in found:
        if location is not None:
            yield location
    for warning in result.warnings:
        yield from warning.others


def _move_resumption(folder: _Folder, resumption: Resumption | None) -> Resumption | None:
    if resumption is None:
        return None
    return replace(
        resumption,
        lost=tuple(_move_lost(folder, lost) for lost in resumption.lost),
        checkpoints=tuple(
            replace(one, path=folder.move_path(one.path), location=folder.move(one.location))
            for one in resumption.checkpoints
        ),
    )


def _move_lost(folder: _Folder, lost: LostState) -> LostState:
    return replace(
        lost,
        location=folder.move(lost.location),
        expected=folder.rewrite(lost.expected),
        found=folder.rewrite(lost.found),
        evidence=tuple(map(folder.rewrite, lost.evidence)),
        advice=folder.rewrite(lost.advice),
    )


def _move_stream(folder: _Folder, stream: SeedStream) -> SeedStream:
    return replace(stream, location=folder.move(stream.location), why=folder.rewrite(stream.why))


def _move_flag(folder: _Folder, setting: FlagSetting) -> FlagSetting:
    return replace(setting, location=folder.move(setting.location), why=folder.rewrite(setting.why))


def _move_finding(folder: _Folder, finding: Finding) -> Finding:
    evidence = finding.evidence
    notes = tuple(map(folder.rewrite, evidence.notes))
    fix = finding.fix
    if fix is not None:
        fix = replace(fix, advice=folder.rewrite(fix.advice))
    return replace(
        finding,
        location=folder.move(finding.location),
        evidence=replace(evidence, notes=notes),
        fix=fix,
    )


def _move_warning(folder: _Folder, warning: ProgramWarning) -> ProgramWarning:
    return replace(
        warning,
        message=folder.rewrite(warning.message),
        location=folder.move(warning.location),
        others=tuple(map(folder.move_known, warning.others)),
    )


def _move_note(folder: _Folder, note: NotChecked) -> NotChecked:
    return replace(note, what=folder.rewrite(note.what), why=folder.rewrite(note.why))
