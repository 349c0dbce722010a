"""Owns the facts that the page is made of, as plain JSON: the words are those of the other
reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reproaudit.knowledge.rules import WARNINGS
from reproaudit.model.events import Location, NotChecked, Unchecked
from reproaudit.model.identity import divergence_fingerprint, fingerprints
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict, exit_code
from reproaudit.report.certainty import list_certainty
from reproaudit.report.finding_lines import show_place
from reproaudit.report.issues import name_subjects
from reproaudit.report.page.answer import make_answer
from reproaudit.report.page.asked import make_asked
from reproaudit.report.page.findings import FindingTable, Sources
from reproaudit.report.page.glossary import GLOSSARY
from reproaudit.report.page.tables import (
    list_class_rows,
    list_rank_rows,
    list_run_rows,
    list_tensor_rows,
    list_trial_rows,
)
from reproaudit.report.places import move_to_working_folder
from reproaudit.report.questions.variation_rows import choose_finding
from reproaudit.report.verdicts import count_answers, name_answer
from reproaudit.report.withheld import withhold_source
from reproaudit.report.wording import (
    has_gpu,
    inflect_noun,
    name_counted,
    name_phase,
    name_source,
    show_count,
    show_name,
    show_prose,
    word_changes,
)

_MOST_CLASSES = 20  # that the sentence names; the table has all


@dataclass(frozen=True, slots=True)
class Wanted:
    """`accepted` as for every report. `rows`: each table's; None for all of them."""

    accepted: frozenset[str] = frozenset()
    with_source: bool = True
    rows: int | None = None


def make_payload(results: Sequence[AuditResult], wanted: Wanted) -> dict[str, Any]:
    """Return the facts of a page, without the growth and the operators of its results."""
    names = name_subjects(results)
    pages = []
    overview = []
    for name, result in zip(names, results, strict=True):
        page = _Page(name, result, wanted)
        pages.append(page.make())
        overview.append(page.summarise())
    return {
        "title": _make_title(names, results),
        "exit_code": exit_code([result.verdict for result in results]),
        "overview": overview,
        "glossary": GLOSSARY,
        "left_out": [],
        "results": pages,
    }


def _make_title(names: Sequence[str], results: Sequence[AuditResult]) -> str:
    if not results:
        return "reproaudit: nothing was audited"
    if len(results) == 1:
        return f"{name_answer(results[0])}: {names[0]}"
    return f"reproaudit: {', '.join(count_answers(results))}"


class _Page:
    """The facts of one result."""

    def __init__(self, name: str, result: AuditResult, wanted: Wanted) -> None:
        self._name = name
        self._marks = fingerprints(result.subject, result.findings)
        self._accepts_divergence = (
            result.verdict is Verdict.NOT_REPRODUCIBLE
            and not result.findings
            and divergence_fingerprint(result) in wanted.accepted
        )
        self._result = move_to_working_folder(result)
        self._wanted = wanted
        self._left_out: list[str] = []

    def make(self) -> dict[str, Any]:
        result = self._result
        wanted = self._wanted
        if not wanted.with_source:
            result = withhold_source(result)
            self._left_out.append("lines of the program were left out, as was asked for")
        sources = Sources(result.excerpts)
        table = FindingTable(sources)
        accepted = [mark in wanted.accepted for mark in self._marks]
        kept = result.findings[: wanted.rows]
        for finding, is_accepted in zip(kept, accepted, strict=False):
            table.add(finding, is_accepted=is_accepted)
        self._count_cut("finding", len(result.findings))
        for warning in result.warnings[: wanted.rows]:
            if warning.rule in WARNINGS:
                table.add_rule(WARNINGS[warning.rule])
        facts = {
            "name": self._name,
            "verdict": result.verdict.value,
            "verdict_words": name_answer(result),
            "headline": show_prose(result.headline),
            "exit_code": exit_code([result.verdict]),
            "answer": make_answer(
                result, wanted.rows, accepted=accepted or [self._accepts_divergence]
            ),
            "findings": table.rows,
            "shared": table.shared,
            "excerpts": sources.rows,
            "trials": self._cut("trial", list_trial_rows(result)),
            "runs": self._cut("run", list_run_rows(result)),
            "classes": self._cut("class", list_class_rows(result)),
            "compared": _list_compared(result),
            "ranks": list_rank_rows(result),
            "tensors": self._cut("tensor", list_tensor_rows(result)),
            "tensors_total": max(result.divergences_total, len(result.divergences)),
            "alerts": self._cut("refused operator", _list_alerts(result, sources)),
            "warnings": self._cut("warning", _list_warnings(result, sources)),
            "environment_differs": _list_notes(result.not_checked, of_environment=True),
            "changes": self._cut("change", word_changes(result.changes, has_gpu=has_gpu(result))),
            "settings": self._cut("setting", _list_pairs(result.settings)),
            "environment": self._cut("fact of the environment", _list_pairs(result.environment)),
            "not_checked": self._cut("note", _list_notes(result.not_checked, of_environment=False)),
            "certainty": list_certainty(result, most_classes=_MOST_CLASSES),
            "growth": None,
            "ops": None,
            "left_out": self._left_out,
        }
        # A plain audit's page has none of it.
        asked = make_asked(result, sources, wanted.rows)
        if asked is not None:
            self._count_cut("variation", len(result.variations))
            self._count_cut("stream", len(result.streams))
            self._count_cut("setting of a seed or flag", len(result.timeline))
            facts["asked"] = asked
        return facts

    def summarise(self) -> dict[str, str]:
        """Return the row of a result in the list of several."""
        result = self._result
        row = {
            "name": self._name,
            "verdict": result.verdict.value,
            "verdict_words": name_answer(result),
            "where": "",
            "cause": "",
            "fix": "",
        }
        finding = choose_finding(result)
        if finding is None:
            return row
        places = [name_source(finding), _name_line(finding.location)]
        row["where"] = ", ".join(filter(None, places))
        row["cause"] = finding.cause.value
        if finding.fix is not None:
            settings = ", ".join(map(show_name, finding.fix.settings))
            state = "verified" if finding.fix.verified else "not verified"
            row["fix"] = f"{settings}, {state}" if settings else state
        return row

    def _cut(self, noun: str, rows: list[Any]) -> list[Any]:
        self._count_cut(noun, len(rows))
        return rows[: self._wanted.rows]

    def _count_cut(self, noun: str, total: int) -> None:
        most = self._wanted.rows
        if most is not None and total > most:
            cut = show_count(total - most, f"more {noun}")
            self._left_out.append(f"{cut} would make this page too large; result.json has all")


def _list_compared(result: AuditResult) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for kind, number in result.compared:
        if number:
            noun = inflect_noun(name_counted(kind), number)
            rows.append([show_name(noun), number])
    return rows


def _list_alerts(result: AuditResult, sources: Sources) -> list[dict[str, Any]]:
    rows = []
    for alert in result.alerts:
        rows.append(
            {
                "op": show_name(alert.op),
                "message": show_prose(alert.message),
                "place": show_place(alert.location),
                "phase": name_phase(alert.phase),
                "module": show_name(alert.module),
                "count": alert.count,
                "code": sources.find(alert.location),
            }
        )
    return rows


def _list_warnings(result: AuditResult, sources: Sources) -> list[dict[str, Any]]:
    rows = []
    for warning in result.warnings:
        rows.append(
            {
                "message": show_prose(warning.message),
                "rule": show_name(warning.rule or ""),
                "code": sources.find(warning.location),
            }
        )
    return rows


def _list_notes(notes: Sequence[NotChecked], *, of_environment: bool) -> list[dict[str, str]]:
    rows = []
    for note in notes:
        if (note.code is Unchecked.ENVIRONMENT_DIFFERS) is of_environment:
            rows.append(
                {
                    "code": note.code.value,
                    "what": show_prose(note.what),
                    "why": show_prose(note.why),
                }
            )
    return rows


def _list_pairs(pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [[show_name(name), show_name(value)] for name, value in pairs]


def _name_line(location: Location | None) -> str:
    return "" if location is None else show_name(str(location))
