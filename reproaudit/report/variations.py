"""Owns what is said of variations: in one sentence, and a row for each value that was tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reproaudit.model.question import Dependence, Trend, VariationOutcome
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.blocks import Block, list_rows
from reproaudit.report.layout import Column, name_column, number_column, prose_column
from reproaudit.report.wording import inflect_noun, name_source, show_name, show_prose

_WORDS = {
    Dependence.NONE: "equal",
    Dependence.EXPECTED: "expected",
    Dependence.BUG: "a bug",
    Dependence.UNEXPLAINED: "unexplained",
    Dependence.NOT_TRIED: "not tried",
}
# Of the values of one variation, what is said of it as a whole: the first of these that one has.
_GRAVEST = (Dependence.BUG, Dependence.UNEXPLAINED, Dependence.EXPECTED, Dependence.NONE)
_TRENDS = {
    Trend.NONE: "",
    Trend.GROWING: "growing",
    Trend.STEADY: "steady",
    Trend.SHRINKING: "shrinking",
    Trend.UNKNOWN: "",
}


def word_variations(result: AuditResult) -> str:
    """Return the headline: on how many variations the program depends, on which and where."""
    groups = _group(result.variations)
    tried = {name: group for name, group in groups.items() if _is_tried(group)}
    depending = {name: group for name, group in tried.items() if _gravest(group) in _GRAVEST[:3]}
    said = []
    if result.findings and not all(finding.variation for finding in result.findings):
        said.append("it differs from run to run as it is")
    if not tried:
        noun = inflect_noun("variation", len(groups))
        why = next((one.why for one in result.variations), "")
        return "; ".join([*said, f"none of {len(groups)} {noun} was tried: {why}"])
    noun = inflect_noun("variation", len(tried))
    if not depending:
        said.append(f"depends on none of {len(tried)} {noun}: {', '.join(tried)}")
    else:
        places = [_word_place(result, name, group) for name, group in depending.items()]
        within = " (within tolerance)" if result.verdict is Verdict.WITHIN_TOLERANCE else ""
        said.append(
            f"depends on {len(depending)} of {len(tried)} {noun}{within}: {', '.join(places)}"
        )
        equal = len(tried) - len(depending)
        if equal:
            said.append(f"{equal} equal")
    missing = len(groups) - len(tried)
    if missing:
        said.append(f"{missing} not tried")
    return "; ".join(said)


def _group(outcomes: Sequence[VariationOutcome]) -> dict[str, list[VariationOutcome]]:
    groups: dict[str, list[VariationOutcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.name, []).append(outcome)
    return groups


def _is_tried(group: Sequence[VariationOutcome]) -> bool:
    return any(one.dependence is not Dependence.NOT_TRIED for one in group)


def _gravest(group: Sequence[VariationOutcome]) -> Dependence:
    found = {one.dependence for one in group}
    return next(one for one in _GRAVEST if one in found)


def _word_place(result: AuditResult, name: str, group: Sequence[VariationOutcome]) -> str:
    """Return `threads (aten::sum, train.py:12, expected)`."""
    gravest = _gravest(group)
    chosen = next(one for one in group if one.dependence is gravest)
    said = []
    finding = _find(result, chosen)
    if finding is not None:
        source = name_source(finding)
        said += [source] if source else []
        said += [finding.location.place] if finding.location is not None else []
    elif chosen.tensor:
        said.append(chosen.tensor)
    return f"{name} ({', '.join([*said, _WORDS[gravest]])})"


def _find(result: AuditResult, outcome: VariationOutcome) -> Finding | None:
    return None if outcome.finding is None else result.findings[outcome.finding]


def list_variations(result: AuditResult, *, max_rows: int) -> list[Block]:
    """Return the table of what was varied: equal, or how far, from where, and whether it may be."""
    rows = list(_list_rows(result, max_rows))
    columns = (
        name_column("variation"),
        Column("depends"),
        number_column("ULP"),
        number_column("from step"),
        Column("trend"),
        name_column("op"),
        name_column("line"),
        Column("cause"),
        prose_column("why"),
    )
    return list_rows(columns, rows, total=len(result.variations))


def _list_rows(result: AuditResult, max_rows: int) -> Iterator[tuple[str, ...]]:
    for one in result.variations[:max_rows]:
        word = _WORDS[one.dependence]
        if one.is_within_tolerance:
            word += ", within tolerance"
        ulp = "" if one.difference is None else str(one.difference.max_ulp or "")
        step = "" if one.step is None else str(one.step)
        finding = _find(result, one)
        op = line = cause = ""
        if finding is not None:
            op = show_name(name_source(finding))
            line = "" if finding.location is None else show_name(finding.location.place)
            cause = finding.cause.value
        yield (
            show_name(one.setting),
            word,
            ulp,
            step,
            _TRENDS[one.trend],
            op,
            line,
            cause,
            show_prose(one.why),
        )
