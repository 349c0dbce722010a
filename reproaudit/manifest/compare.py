"""What differs between two runs, the most likely cause of other results first."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated

from reproaudit.codec import AtLeast0
from reproaudit.knowledge.run_suspects import SUSPECTS, Area, Risk, find_rank
from reproaudit.manifest.facts import RunFacts

COMPARISON_MAGIC = "reproaudit-run-comparison"
COMPARISON_VERSION = 1
MOST_LINES = 40  # of a difference of two patches that are shown
_MOST_COMPARED = 2000  # lines of a patch that are compared: the time is quadratic
_MOST_VALUE = 200  # characters of a value
_MOST_NAME = 200
_HUNK = re.compile(r"^@@ -\S+ \+\S+ @@.*$", re.MULTILINE)
_INDEX = re.compile(r"^index [0-9a-f]+\.\.[0-9a-f]+.*$", re.MULTILINE)
_COMMENT = re.compile(r"^[-+]\s*(?:#.*)?$")

Count = Annotated[int, AtLeast0]


@dataclass(frozen=True, slots=True)
class RunDifference:
    """A fact that differs. `before` and `after` are its values, None where a run lacks it.

    `lines` are those of an uncommitted change that only one of the runs has: they begin with "A "
    or "B ", then the line of its patch. `lines_left_out` counts those that are not shown.
    """

    OMITS_DEFAULTS = ("lines", "lines_left_out")

    area: Area
    name: str
    risk: Risk
    reason: str
    before: str | None
    after: str | None
    lines: tuple[str, ...] = ()
    lines_left_out: Count = 0


@dataclass(frozen=True, slots=True)
class RunComparison:
    """What differs between runs A and B, the most likely cause first and outcomes last.

    `compared` counts the facts of each area that were looked at; `not_compared` says what could
    not be.
    """

    runs: tuple[str, str]
    differences: tuple[RunDifference, ...]
    compared: tuple[tuple[str, int], ...]
    not_compared: tuple[str, ...] = ()


def compare_runs(before: RunFacts, after: RunFacts) -> RunComparison:
    """Return what differs between two runs, ranked by the table of suspects."""
    shared = before.areas & after.areas
    partial = before.partial | after.partial
    keys = [
        key
        for key in {**before.values, **after.values}
        if key[0] in shared
        and (key[0] not in partial or (key in before.values and key in after.values))
    ]
    found: list[RunDifference] = []
    counts = dict.fromkeys(Area, 0)
    for area, name in keys:
        counts[area] += 1
        values = before.values.get((area, name)), after.values.get((area, name))
        if values[0] != values[1]:
            found.extend(_describe(area, name, values, (before, after)))
    found.sort(key=_place)
    return RunComparison(
        runs=(before.label, after.label),
        differences=tuple(found),
        compared=tuple((area.value, count) for area, count in counts.items() if count),
        not_compared=tuple(_list_not_compared(before, after)),
    )


def _place(difference: RunDifference) -> tuple[int, str]:
    return find_rank(difference.area, difference.name), difference.name


def _describe(
    area: Area,
    name: str,
    values: tuple[str | None, str | None],
    runs: tuple[RunFacts, RunFacts],
) -> Iterator[RunDifference]:
    lines: list[str] = []
    left_out = 0
    shown = values
    if area is Area.CHANGE:
        lines, left_out, is_code = _compare_sections(values[0] or "", values[1] or "")
        if not lines and not left_out:
            return  # the same change, to another text around it
        if not is_code and name.endswith(".py"):
            area = Area.COMMENT
        shown = _count_changes(values[0]), _count_changes(values[1])
    name = _shorten(name, _MOST_NAME)
    suspect = SUSPECTS[find_rank(area, name)]
    yield RunDifference(
        area=area,
        name=name,
        risk=suspect.risk,
        reason=suspect.reason,
        before=None if shown[0] is None else _shorten(shown[0], _MOST_VALUE),
        after=None if shown[1] is None else _shorten(shown[1], _MOST_VALUE),
        lines=tuple(lines),
        lines_left_out=left_out,
    )


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _count_changes(section: str | None) -> str | None:
    if section is None:
        return None
    lines = [line for line in section.splitlines() if _is_change(line)]
    added = sum(line.startswith("+") for line in lines)
    return f"+{added} -{len(lines) - added} lines" if lines else "changed"


def _compare_sections(before: str, after: str) -> tuple[list[str], int, bool]:
    """Return the changed lines that only one of two sections has, how many more there are, and
    whether more than comments and empty lines are among them."""
    first, second = _normalise(before), _normalise(after)
    if first == second:
        return [], 0, False
    if max(len(first), len(second)) > _MOST_COMPARED:
        return [], abs(len(first) - len(second)) or 1, True
    found = []
    for line in islice(difflib.unified_diff(first, second, n=0, lineterm=""), 2, None):
        mark, text = line[0], line[1:]
        if mark != "@" and not text.startswith("@@"):
            found.append(("A" if mark == "-" else "B", text))
    changes = [(run, text) for run, text in found if _is_change(text)]
    # A binary file, or a mode, differs in lines that are no changed ones.
    is_code = not changes or any(_COMMENT.match(text) is None for _, text in changes)
    lines = [f"{run} {_shorten(text, _MOST_VALUE)}" for run, text in changes or found]
    return lines[:MOST_LINES], max(0, len(lines) - MOST_LINES), is_code


def _normalise(section: str) -> list[str]:
    """Return the lines of a section without what only says where they stand."""
    if "Binary files " not in section:  # of these nothing else tells what they hold
        section = _INDEX.sub("", section)
    return _HUNK.sub("@@", section).splitlines()


def _is_change(line: str) -> bool:
    return line[:1] in ("+", "-") and not line.startswith(("+++ ", "--- "))


def _list_not_compared(before: RunFacts, after: RunFacts) -> Iterator[str]:
    for area in Area:
        knows = [run.label for run in (before, after) if area in run.areas]
        if len(knows) == 1 and area is not Area.COMMENT:
            yield f"{area.value}: only {knows[0]} says anything of it"
    for run in (before, after):
        for fault in run.faults:
            yield f"{run.label}: {fault}"
