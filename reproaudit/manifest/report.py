"""How a comparison of two runs is shown: as text, and as JSON for others.

Format history (the key "version")
  1  first version

`comparison_schema.json` describes the JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import groupby

from reproaudit.codec import encode
from reproaudit.files import legible
from reproaudit.knowledge.run_suspects import Area, Risk
from reproaudit.manifest.compare import (
    COMPARISON_MAGIC,
    COMPARISON_VERSION,
    RunComparison,
    RunDifference,
)
from reproaudit.printable import make_printable
from reproaudit.report.json_text import write_json
from reproaudit.report.layout import count_cut, wrap

_WIDTH = 100
_INDENT = "      "
_MOST_NAMED = 3  # causes in the first line
_MOST_SHOWN = 20  # of one level of risk
_HEADINGS = {
    Risk.HIGH: "High: changes results in most programs",
    Risk.MEDIUM: "Medium: changes results in some programs",
    Risk.LOW: "Low: changes results in few programs, or in none",
    Risk.OUTCOME: "What came out",
}


def write_comparison_json(comparison: RunComparison) -> str:
    """Return the comparison as JSON, the same bytes for the same comparison."""
    head = {"magic": COMPARISON_MAGIC, "version": COMPARISON_VERSION}
    document = legible(head | encode(RunComparison, comparison))
    return write_json(document).replace("##[", r"\u0023#[")


def comparison_schema_text() -> str:
    """Return the JSON Schema (draft 2020-12) of what `write_comparison_json` writes."""
    schema = files("reproaudit.manifest").joinpath("comparison_schema.json")
    return schema.read_text(encoding="utf-8")


def write_comparison_text(comparison: RunComparison) -> str:
    """Return the comparison as lines for a terminal; every character is printable."""
    lines = [*_write_head(comparison)]
    number = 1
    for risk, group in groupby(comparison.differences, key=lambda one: one.risk):
        differences = list(group)
        lines += ["", _HEADINGS[risk], *_write_level(differences, number)]
        number += len(differences)
    if comparison.not_compared:
        lines += ["", "Not compared"]
        for text in comparison.not_compared:
            lines += wrap(make_printable(text), _WIDTH, first="  ", others="    ")
    return "\n".join(lines) + "\n"


def _write_head(comparison: RunComparison) -> Iterator[str]:
    causes = [one for one in comparison.differences if one.risk is not Risk.OUTCOME]
    if not comparison.differences:
        yield "no difference"
    elif not causes:
        yield "nothing that they were made of differs, and what came out does"
    else:
        yield from wrap(make_printable(_sum_up(causes)), _WIDTH, others="  ")
    counts = ", ".join(f"{name} {count:,}" for name, count in comparison.compared)
    for letter, label in zip("AB", comparison.runs, strict=True):
        yield f"  {letter}  {make_printable(label)}"
    yield from wrap(f"compared: {counts or 'nothing'}", _WIDTH, first="  ", others="    ")


def _sum_up(causes: Sequence[RunDifference]) -> str:
    """Name the differences that come first, which are those that matter if any does."""
    names = ", ".join(_name(one) for one in causes[:_MOST_NAMED])
    if len(causes) == 1:
        return f"1 difference: {names}"
    more = ", …" * (len(causes) > _MOST_NAMED)
    return f"{len(causes):,} differences, the most likely cause first: {names}{more}"


def _write_level(differences: Sequence[RunDifference], first: int) -> Iterator[str]:
    for number, difference in enumerate(differences[:_MOST_SHOWN], first):
        yield from _write_difference(difference, number)
    for line in count_cut(len(differences) - _MOST_SHOWN):
        yield f"  {line}"


def _write_difference(difference: RunDifference, number: int) -> Iterator[str]:
    what = f"{_name(difference)}: {_show(difference.before)} -> {_show(difference.after)}"
    mark = f"  {number:>2}  "
    if difference.area is Area.CHANGE or difference.area is Area.COMMENT:
        what = f"{_name(difference)}: {_count_lines(difference)}"
    yield from wrap(make_printable(what), _WIDTH, first=mark, others=_INDENT * 2)
    if difference.risk is not Risk.OUTCOME:
        yield f"{_INDENT}{difference.reason}"
    for line in difference.lines:
        yield f"{_INDENT}{make_printable(line)}"
    for line in count_cut(difference.lines_left_out, 0):
        yield f"{_INDENT}{line}"


def _count_lines(difference: RunDifference) -> str:
    sides = []
    for letter, value in (("A", difference.before), ("B", difference.after)):
        sides.append(f"{letter} {value or 'as in the commit'}")
    return ", ".join(sides)


def _name(difference: RunDifference) -> str:
    if difference.area in (Area.CODE, Area.SETTING):
        return difference.name
    return f"{difference.area.value} {difference.name}"


def _show(value: str | None) -> str:
    return "nothing" if value is None else value
