"""Owns what stands in a report for a screen, in its order: where, why, what else, how sure, what
next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from reproaudit.model.events import Level, Location, NotChecked, ProgramWarning
from reproaudit.model.question import Question
from reproaudit.model.result import AuditResult, Finding, Fix
from reproaudit.model.verdict import Verdict
from reproaudit.report.blocks import (
    Block,
    Entry,
    Fact,
    Line,
    Section,
    Topic,
    list_cut,
    list_rows,
)
from reproaudit.report.certainty import list_certainty
from reproaudit.report.finding_lines import (
    EVIDENCE,
    describe_finding,
    has_answers,
    show_answer,
    show_place,
)
from reproaudit.report.layout import Column, name_column, number_column, prose_column
from reproaudit.report.moments import name_part
from reproaudit.report.questions.sections import list_question_sections
from reproaudit.report.questions.variation_rows import list_own_findings
from reproaudit.report.tensor_rows import list_tensors, name_pair
from reproaudit.report.verdicts import OF_RUNS
from reproaudit.report.wording import (
    escape,
    has_gpu,
    name_ending,
    name_phase,
    name_source,
    show_name,
    show_prose,
    show_whole,
    word_changes,
    word_trial,
    word_warning,
)

T = TypeVar("T")


def list_sections(result: AuditResult, *, max_rows: int) -> Iterator[Section]:
    """Yield the parts of a report below its first line; at most `max_rows` rows of each list.

    Paths are shown as the result has them.
    """
    return _Sections(max_rows).list_all(result)


@dataclass(frozen=True, slots=True)
class _Sections:
    max_rows: int

    def list_all(self, result: AuditResult) -> Iterator[Section]:
        findings = result.findings
        # How a run was stopped that is gone on with is told with the others.
        if result.question is not Question.RESUME:
            yield Section(Topic.RUNS, "Runs", self._list_outcomes(result))
        yield from list_question_sections(result, max_rows=self.max_rows)
        # A finding of a variation stands with it.
        left = [findings[number] for number in list_own_findings(result)]
        where = "Where"
        is_held = result.resumption is not None and bool(result.resumption.held)
        if result.question is Question.VARY or is_held:
            where = "Where it differs from run to run"
        if len(left) > 1:
            where = f"{where}: the first of {len(left):,} findings"
        yield Section(Topic.WHERE, where, _describe_first(result, left))
        yield Section(Topic.OTHERS, "Other findings", self._list_others(left[1:]))
        evidence = self._list_evidence(left)
        yield Section(Topic.EVIDENCE, "Evidence about operators", evidence)
        yield Section(Topic.TRIED, "Tried", self._list_trials(result))
        differs = f"What differs{name_pair(result)}"
        yield Section(Topic.TENSORS, differs, list_tensors(result, max_rows=self.max_rows))
        refused = "Operators that torch.use_deterministic_algorithms(True) refuses"
        yield Section(Topic.REFUSED, refused, self._list_alerts(result))
        changes = word_changes(result.changes, has_gpu=has_gpu(result))
        changed = self._list_entries(changes, str)
        yield Section(Topic.CHANGES, "Settings that the program changed", changed)
        warnings = self._list_entries(result.warnings, _show_warning)
        yield Section(Topic.WARNINGS, "Warnings", warnings)
        not_checked = self._list_entries(result.not_checked, _show_note)
        yield Section(Topic.NOT_CHECKED, "Not checked", not_checked)
        certainty = list_certainty(result, most_classes=self.max_rows)
        yield Section(Topic.CERTAINTY, "How sure", list(map(Entry, certainty)))
        commands = map(escape, result.next_commands)
        yield Section(Topic.NEXT, "Next", list(map(Line, commands)))

    def _list_outcomes(self, result: AuditResult) -> list[Block]:
        """Show how the runs ended, unless all ended well and alike."""
        endings = {name_ending(run.outcome) for run in result.runs}
        all_succeed = all(run.outcome.is_success for run in result.runs)
        if len(endings) < 2 and all_succeed:
            return []
        has_levels = any(run.level is not Level.BOUNDARY for run in result.runs)
        rows = []
        for run in result.runs[: self.max_rows]:
            # A column that is empty in every row is left out of the table.
            level = run.level.value if has_levels else ""
            ended = name_ending(run.outcome)
            steps = show_whole(run.steps)
            events = show_whole(run.events)
            detail = show_prose(run.outcome.detail)
            condition = show_name(run.condition)
            rows.append((str(run.index), condition, level, ended, steps, events, detail))
        columns = (
            number_column("run"),
            name_column("condition"),
            Column("level"),
            Column("ended"),
            number_column("steps"),
            number_column("events"),
            prose_column("detail"),
        )
        return list_rows(columns, rows, total=len(result.runs))

    def _list_others(self, findings: Sequence[Finding]) -> list[Block]:
        # The set that was proven stands with the first finding: cells have no room for it.
        fixes = [finding.fix for finding in findings if finding.fix is not None]
        has_parts = any(fix.together for fix in fixes)
        rows = []
        for finding in findings[: self.max_rows]:
            op = name_source(finding)
            line = _show_line(finding.location)
            when = f"{name_part(finding)} {finding.step}"
            cause = finding.cause.value
            repair = _show_proven_fix(finding.fix, has_parts=has_parts)
            rows.append((op, line, when, cause, repair))
        columns = (
            name_column(_name_sources(findings)),
            name_column("line"),
            Column("when"),
            Column("cause"),
            prose_column("repaired together by" if has_parts else "repaired by"),
        )
        return list_rows(columns, rows, total=len(findings))

    def _list_evidence(self, findings: Sequence[Finding]) -> list[Block]:
        """Cross-tabulate the four kinds of evidence; of one finding they are told in words."""
        if len(findings) < 2:
            return []
        ops = [finding for finding in findings if finding.op and has_answers(finding.evidence)]
        rows = []
        for finding in ops[: self.max_rows]:
            op = show_name(finding.op or "")
            line = _show_line(finding.location)
            answers = [show_answer(finding.evidence, kind) for kind, _ in EVIDENCE]
            rows.append((op, line, *answers))
        columns = [name_column("op"), name_column("line")]
        for kind, _ in EVIDENCE:
            columns.append(Column(kind))
        return list_rows(columns, rows, total=len(ops))

    def _list_trials(self, result: AuditResult) -> list[Block]:
        rows = []
        for trial in result.trials[: self.max_rows]:
            settings = ", ".join(map(show_name, trial.settings))
            outcome = show_prose(word_trial(trial))
            rows.append((settings, outcome))
        columns = (prose_column("interventions"), prose_column("what came of it"))
        return list_rows(columns, rows, total=len(result.trials))

    def _list_alerts(self, result: AuditResult) -> list[Block]:
        rows = []
        for alert in result.alerts[: self.max_rows]:
            op = show_name(alert.op)
            place = show_place(alert.location)
            phase = name_phase(alert.phase)
            times = show_whole(alert.count)
            rows.append((op, place, phase, times))
        columns = (
            name_column("op"),
            name_column("line"),
            Column("phase"),
            number_column("times"),
        )
        return list_rows(columns, rows, total=len(result.alerts))

    def _list_entries(self, entries: Sequence[T], show: Callable[[T], str]) -> list[Block]:
        # What is cut is not worded: a stranger's result may have a hundred thousand.
        shown = [Entry(show(entry)) for entry in entries[: self.max_rows]]
        return [*shown, *list_cut(len(entries) - self.max_rows)]


def _describe_first(result: AuditResult, findings: Sequence[Finding]) -> list[Block]:
    if not result.findings:
        if result.verdict is Verdict.NOT_REPRODUCIBLE and result.question in OF_RUNS:
            return [Line("no source was located")]
        return []
    if not findings:
        return []
    blocks = describe_finding(findings[0])
    if result.reproducer:
        shows = f"{show_name(result.reproducer)} shows it without this program"
        blocks.append(Fact("to report", shows))
    return blocks


def _name_sources(findings: Sequence[Finding]) -> str:
    """Return the head of the column with what findings are about."""
    if any(finding.call and not finding.op for finding in findings):
        return "op or call"
    return "op"


def _show_note(note: NotChecked) -> str:
    what = show_prose(note.what)
    why = show_prose(note.why)
    return f"{what}: {why}"


def _show_warning(warning: ProgramWarning) -> str:
    return show_prose(word_warning(warning))


def _show_line(location: Location | None) -> str:
    """Return a location without its function, for which a table has no room."""
    if location is None:
        return ""
    return show_name(location.place)


def _show_proven_fix(fix: Fix | None, *, has_parts: bool) -> str:
    """Return what was proven; with `has_parts` the table says of all others "together"."""
    if fix is None or not fix.verified:
        return ""
    settings = ", ".join(map(show_name, fix.settings))
    if has_parts and not fix.together:
        return f"{settings}, alone"
    return settings
