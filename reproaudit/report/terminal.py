"""Owns the report that is read on a screen: the answer first, then where, why, what else, how sure,
what next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from reproaudit.model.events import Level, Location, NotChecked, ProgramWarning
from reproaudit.model.result import AuditResult, Finding, Fix
from reproaudit.model.verdict import Verdict
from reproaudit.report.certainty import list_certainty
from reproaudit.report.finding_lines import (
    EVIDENCE,
    describe_finding,
    has_answers,
    show_answer,
    show_place,
)
from reproaudit.report.layout import (
    Column,
    count_cut,
    make_table,
    name_column,
    number_column,
    prose_column,
    wrap_beside,
    wrap_entry,
)
from reproaudit.report.moments import name_part
from reproaudit.report.places import move_to_working_folder
from reproaudit.report.tensor_rows import list_tensors, name_pair
from reproaudit.report.wording import (
    VERDICTS,
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
_NARROWEST = 60  # columns of a screen
_INDENT = "  "
_BOLD = "\x1b[1m"
_RED = "\x1b[1;31m"
_GREEN = "\x1b[1;32m"
_YELLOW = "\x1b[1;33m"
_PLAIN = "\x1b[0m"
_COLOURS = {Verdict.REPRODUCIBLE: _GREEN, Verdict.NOT_REPRODUCIBLE: _RED}

Section = tuple[str, list[str]]


@dataclass(frozen=True, slots=True)
class TerminalOptions:
    """`max_rows` caps every table and list; what is cut is counted. `width` below 60 is taken as
    60."""

    colour: bool = False
    width: int = 100
    max_rows: int = 20


@dataclass(frozen=True, slots=True)
class TerminalReport:
    options: TerminalOptions = TerminalOptions()

    def render(self, result: AuditResult) -> str:
        """Return the report; its first line alone answers the question, and is never wrapped."""
        result = move_to_working_folder(result)
        width = max(self.options.width, _NARROWEST) - len(_INDENT)
        max_rows = max(self.options.max_rows, 1)
        page = _Page(width=width, max_rows=max_rows)
        lines = [self._answer(result)]
        for title, body in page.sections(result):
            if not body:
                continue
            lines.append("")
            lines.append(self._paint(title, _BOLD))
            for line in body:
                lines.append(f"{_INDENT}{line}".rstrip())
        return "\n".join(lines) + "\n"

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        """Return the reports one after the other. What is accepted is not marked: it differs all
        the same."""
        return "\n".join(map(self.render, results)) or "nothing was audited\n"

    def _answer(self, result: AuditResult) -> str:
        colour = _COLOURS.get(result.verdict, _YELLOW)
        word = self._paint(VERDICTS[result.verdict], colour)
        if not result.headline.strip():
            return word
        return f"{word}: {show_prose(result.headline)}"

    def _paint(self, text: str, colour: str) -> str:
        if not self.options.colour:
            return text
        return f"{colour}{text}{_PLAIN}"


@dataclass(frozen=True, slots=True)
class _Page:
    """The sections as lines of at most `width` characters, save for what must not be broken."""

    width: int
    max_rows: int

    def sections(self, result: AuditResult) -> Iterator[Section]:
        findings = result.findings
        where = "Where"
        if len(findings) > 1:
            where = f"Where: the first of {len(findings):,} findings"
        yield "Runs", self._list_outcomes(result)
        yield where, self._describe_first(result)
        yield "Other findings", self._list_others(findings[1:])
        yield "Evidence about operators", self._list_evidence(findings)
        yield "Tried", self._list_trials(result)
        yield f"What differs{name_pair(result.divergences)}", self._list_tensors(result)
        yield (
            "Operators that torch.use_deterministic_algorithms(True) refuses",
            self._list_alerts(result),
        )
        yield "Settings that the program changed", self._list_changes(result)
        yield "Warnings", self._list_entries(result.warnings, _show_warning)
        yield "Not checked", self._list_entries(result.not_checked, _show_note)
        yield "How sure", self._describe_confidence(result)
        # Commands are never wrapped: they are there to be copied.
        yield "Next", [escape(command) for command in result.next_commands]

    def _list_outcomes(self, result: AuditResult) -> list[str]:
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
            rows.append((str(run.index), level, ended, steps, events, detail))
        columns = (
            number_column("run"),
            Column("level"),
            Column("ended"),
            number_column("steps"),
            number_column("events"),
            prose_column("detail"),
        )
        return self._make_table(columns, rows, total=len(result.runs))

    def _describe_first(self, result: AuditResult) -> list[str]:
        if not result.findings:
            if result.verdict is Verdict.NOT_REPRODUCIBLE:
                return ["no source was located"]
            return []
        lines = describe_finding(result.findings[0], self.width)
        if result.reproducer:
            shows = f"{show_name(result.reproducer)} shows it without this program"
            lines += wrap_beside("to report", shows, self.width)
        return lines

    def _list_others(self, findings: Sequence[Finding]) -> list[str]:
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
        return self._make_table(columns, rows, total=len(findings))

    def _list_evidence(self, findings: Sequence[Finding]) -> list[str]:
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
        return self._make_table(columns, rows, total=len(ops))

    def _list_trials(self, result: AuditResult) -> list[str]:
        rows = []
        for trial in result.trials[: self.max_rows]:
            settings = ", ".join(map(show_name, trial.settings))
            outcome = show_prose(word_trial(trial))
            rows.append((settings, outcome))
        columns = (prose_column("interventions"), prose_column("what came of it"))
        return self._make_table(columns, rows, total=len(result.trials))

    def _list_tensors(self, result: AuditResult) -> list[str]:
        return list_tensors(result, width=self.width, max_rows=self.max_rows)

    def _list_alerts(self, result: AuditResult) -> list[str]:
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
        return self._make_table(columns, rows, total=len(result.alerts))

    def _list_changes(self, result: AuditResult) -> list[str]:
        texts = word_changes(result.changes, has_gpu=has_gpu(result))
        return self._list_entries(texts, str)

    def _describe_confidence(self, result: AuditResult) -> list[str]:
        lines: list[str] = []
        for sentence in list_certainty(result, most_classes=self.max_rows):
            lines += wrap_entry(sentence, self.width)
        return lines

    def _make_table(
        self, columns: Sequence[Column], rows: Sequence[Sequence[str]], *, total: int
    ) -> list[str]:
        return make_table(columns, rows, self.width) + count_cut(total - len(rows))

    def _list_entries(self, entries: Sequence[T], show: Callable[[T], str]) -> list[str]:
        # An entry may take several lines; it is entries that are counted and cut. What is cut is
        # not laid out first: a stranger's result may have a hundred thousand.
        lines: list[str] = []
        for entry in entries[: self.max_rows]:
            lines += wrap_entry(show(entry), self.width)
        return lines + count_cut(len(entries) - self.max_rows)


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
