"""Owns the findings of the page: what many of them share is kept once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.rules import QUESTION_RULES, RULES, Rule
from reproaudit.model.events import Location
from reproaudit.model.excerpt import Excerpt
from reproaudit.model.result import Evidence, Finding, Fix
from reproaudit.report.finding_lines import (
    EVIDENCE,
    has_answers,
    name_call_in_full,
    show_answer,
    show_place,
    word_answer,
)
from reproaudit.report.moments import name_part, name_when
from reproaudit.report.wording import (
    has_diff,
    name_source,
    show_code,
    show_name,
    show_prose,
    word_difference,
    word_patch,
    word_replays,
    word_settings,
)

_MOST_LINE = 500  # characters of a line of source
_MOST_NUMBER = 1 << 31  # of a line: a browser cannot count where a stranger's result may begin


class Sources:
    """Lines of the program, found by the place that something names."""

    def __init__(self, excerpts: Sequence[Excerpt]) -> None:
        self.rows: list[dict[str, Any]] = []
        self._by_file: dict[tuple[str, int], list[tuple[int, Excerpt]]] = {}
        for number, excerpt in enumerate(excerpts):
            lines = [show_code(line)[:_MOST_LINE] for line in excerpt.lines]
            row = {
                "path": show_name(excerpt.path),
                "cell": excerpt.cell,
                "first_line": excerpt.first_line,
                "lines": lines,
            }
            self.rows.append(row)
            if 0 < excerpt.first_line <= _MOST_NUMBER:
                part = (excerpt.path, excerpt.cell)
                self._by_file.setdefault(part, []).append((number, excerpt))

    def find(self, location: Location | None) -> list[int]:
        """Return the number of the excerpt that has the line, and the line; empty if none has."""
        if location is None:
            return []
        for number, excerpt in self._by_file.get((location.path, location.cell), ()):
            if 0 <= location.line - excerpt.first_line < len(excerpt.lines):
                return [number, location.line]
        return []


class FindingTable:
    """Rows of findings, and what they name by its number: `shared`."""

    def __init__(self, sources: Sources) -> None:
        self.rows: list[dict[str, Any]] = []
        self.shared: dict[str, Any] = {
            "evidence": [],
            "fixes": [],
            "rules": {},
            "interventions": {},
        }
        self._sources = sources
        self._numbers: dict[Evidence | Fix, int] = {}

    def add(self, finding: Finding, *, is_accepted: bool) -> None:
        """Add a row."""
        number = len(self.rows) + 1
        difference = finding.difference
        rule = QUESTION_RULES.get(finding.rule, RULES[finding.cause])
        # A result may come from a version of other rules.
        if finding.rule == rule.id:
            self.add_rule(rule)
        row = {
            "number": number,
            "source": name_source(finding),
            "kind": "op" if finding.op else "call" if finding.call else "",
            "call": name_call_in_full(finding) if finding.call else "",
            "place": show_place(finding.location),
            "line": show_name(finding.location.place) if finding.location else "",
            "when": name_when(finding),
            "phase": name_part(finding),
            "step": finding.step,
            "module": show_name(finding.module),
            "count": finding.count,
            "cause": finding.cause.value,
            "rule": show_name(finding.rule),
            "title": show_prose(finding.title),
            "accepted": "accepted in the baseline" if is_accepted else "",
            "evidence": self._share(finding.evidence, self._add_evidence),
            "difference": word_difference(difference) if difference else "",
            "histogram": list(difference.ulp_histogram) if difference else [],
            "fix": None if finding.fix is None else self._share(finding.fix, self._add_fix),
            "code": self._sources.find(finding.location),
        }
        if finding.variation:
            row["variation"] = show_name(finding.variation)
        self.rows.append(row)

    def add_rule(self, rule: Rule) -> None:
        """Keep what a rule means, for whatever names it."""
        self.shared["rules"][rule.id] = {
            "explanation": rule.explanation,
            "references": list(rule.references),
        }

    def _share(self, part: Any, add: Any) -> int:
        if part not in self._numbers:
            self._numbers[part] = add(part)
        return self._numbers[part]

    def _add_evidence(self, evidence: Evidence) -> int:
        answers = []
        if has_answers(evidence):
            for kind, _ in EVIDENCE:
                answers.append([kind, show_answer(evidence, kind), word_answer(evidence, kind)])
        said = [word_replays(evidence.replays)] if evidence.replays else []
        said += map(show_prose, evidence.notes)
        return _append(self.shared["evidence"], {"answers": answers, "said": said})

    def _add_fix(self, fix: Fix) -> int:
        for name in (*fix.settings, *fix.together):
            if name in INTERVENTIONS:
                self.shared["interventions"][name] = INTERVENTIONS[name].what
        row = {
            "advice": show_prose(fix.advice),
            "settings": list(map(show_name, fix.settings)),
            "together": list(map(show_name, fix.together)),
            "state": word_settings(fix),
            "is_verified": fix.verified,
            "patch_state": word_patch(fix) if has_diff(fix) or fix.patch_note else "",
            "is_diff": has_diff(fix),
            "by_hand": [] if has_diff(fix) else list(map(show_code, fix.patch)),
        }
        return _append(self.shared["fixes"], row)


def _append(rows: list[dict[str, Any]], row: dict[str, Any]) -> int:
    rows.append(row)
    return len(rows) - 1
