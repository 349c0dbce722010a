"""Owns what an issue is: one thing that a service shows, with its place and identity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from reproaudit.model.events import Location
from reproaudit.model.result import Finding
from reproaudit.report.places import is_own, join_path
from reproaudit.report.wording import show_name


class Kind(str, Enum):
    """What an issue is about. The values are rule ids where there is no finding to give one."""

    NOT_AUDITED = "not-audited"
    FINDING = "finding"
    NO_SOURCE = "no-source-located"  # the runs differ, and no finding says where
    WARNING = "warning"
    RISK = "refused-operator"  # an alert: use_deterministic_algorithms(True) refuses the operator
    DEPENDENCE = "dependence-without-source"  # on a variation, and no finding says where
    LOST_STATE = "lost-state"  # that a resumed run lacks
    STREAM = "seed-without-effect"  # on random numbers, or with one that it ought not to have
    FLAG = "flag-without-effect"  # a seed or flag that is set too late, or undone


# What a question other than a plain audit finds wrong.
OF_QUESTIONS = (Kind.DEPENDENCE, Kind.LOST_STATE, Kind.STREAM, Kind.FLAG)


TITLES = {
    Kind.NOT_AUDITED: "the audit could not be done",
    Kind.NO_SOURCE: "runs differ, and no source of it was located",
    Kind.WARNING: "something that was hardly meant, whether runs are equal or not",
    Kind.RISK: "an operator that torch.use_deterministic_algorithms(True) refuses",
    Kind.DEPENDENCE: "the result depends on what ought not to matter, and no operator was located",
    Kind.LOST_STATE: "a resumed run lacks state that the uninterrupted one has",
    Kind.STREAM: "the seed does not do to random numbers what it ought to do",
    Kind.FLAG: "a seed or a determinism flag is set too late, or undone",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file below the working directory.

    `path` is printable, POSIX, and relative to that directory.
    """

    path: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that a service shows. `message` is printable and on one line; `fingerprint` as for
    a baseline.

    `where` is the location as the audit saw it, `place` the same where it is a line of the
    repository: what is installed, generated, or outside of the working directory has none.
    """

    kind: Kind
    rule: str
    title: str
    message: str
    fingerprint: str
    place: Place | None = None
    where: str = ""
    module: str = ""
    is_error: bool = False
    is_accepted: bool = False
    finding: Finding | None = None


def find_place(folder: str, location: Location | None) -> Place | None:
    """Return where in the repository a location lies, `folder` being what its path is relative to;
    None if outside.

    A line of a cell is none of the file that the notebook is.
    """
    if location is None or location.line < 1 or location.cell:
        return None
    path = _find_path(folder, location.path)
    if not path:
        return None
    return Place(path=path, line=location.line, function=show_name(location.function))


@lru_cache(maxsize=4096)
def _find_path(folder: str, path: str) -> str:
    """Return a path of the repository; "" if it is none."""
    if not is_own(path) or not (folder + path).isprintable():
        return ""
    joined = join_path(folder, path)
    if joined.startswith(("/", "../")) or joined in (".", ".."):
        return ""
    return joined


def find_subject_path(subject: str) -> str:
    """Return the file that a subject names, or the subject itself where it names none."""
    path, _, _ = subject.partition("::")
    inside = find_place("", Location(path, 1))
    if inside is not None:
        return inside.path
    return show_name(subject) or "unknown"
