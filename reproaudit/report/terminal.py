"""Owns the report that is read on a screen: the answer first, then where, why, what else, how sure,
what next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reproaudit.model.events import Level, Location, NotChecked, Outcome, ProgramWarning
from reproaudit.model.result import AuditResult, Finding, Fix, TensorDivergence
from reproaudit.model.verdict import Verdict
from reproaudit.report.finding_lines import (
    EVIDENCE,
    describe_finding,
    has_answers,
    show_answer,
    show_place,
)
from reproaudit.report.layout import (
    Column,
    make_table,
    name_column,
    number_column,
    prose_column,
    wrap_beside,
    wrap_entry,
)
from reproaudit.report.wording import (
    VERDICTS,
    escape,
    name_kind,
    name_oddities,
    name_phase,
    show_count,
    show_name,
    show_prose,
    show_real,
    show_whole,
    word_completeness,
    word_confidence,
    word_remark,
    word_trial,
    word_warning,
)

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
        width = max(self.options.width, _NARROWEST) - len(_INDENT)
        page = _Page(width=width, max_rows=max(self.options.max_rows, 1))
        lines = [self._answer(result)]
        for title, body in page.sections(result):
            if body:
                lines += ["", self._paint(title, _BOLD)]
                lines += [f"{_INDENT}{line}".rstrip() for line in body]
        return "\n".join(lines) + "\n"

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        """Return the reports one after the other. What is accepted is not marked: it differs all
        the same."""
        return "\n".join(map(self.render, results)) or "nothing was audited\n"

    def _answer(self, result: AuditResult) -> str:
        word = self._paint(VERDICTS[result.verdict], _COLOURS.get(result.verdict, _YELLOW))
        return f"{word}: {show_prose(result.headline)}" if result.headline.strip() else word

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self.options.colour else text


@dataclass(frozen=True, slots=True)
class _Page:
    """The sections as lines of at most `width` characters, save for what must not be broken."""

    width: int
    max_rows: int

    def sections(self, result: AuditResult) -> Iterator[Section]:
        findings = result.findings
        where = f"Where: the first of {len(findings):,} findings" if len(findings) > 1 else "Where"
        yield "Runs", self._list_outcomes(result)
        yield where, self._describe_first(result)
        yield "Other findings", self._list_others(findings[1:])
        yield "Evidence about operators", self._list_evidence(findings)
        yield "Tried", self._list_trials(result)
        yield f"What differs{_name_pair(result.divergences)}", self._list_tensors(result)
        yield (
            "Operators that torch.use_deterministic_algorithms(True) refuses",
            self._list_alerts(result),
        )
        yield "Settings that the program changed", self._list_changes(result)
        yield "Warnings", self._list_entries(map(_show_warning, result.warnings))
        yield "Not checked", self._list_entries(map(_show_note, result.not_checked))
        yield "How sure", self._describe_confidence(result)
        yield "Next", [escape(command) for command in result.next_commands]

    def _list_outcomes(self, result: AuditResult) -> list[str]:
        """Show how the runs ended, unless all ended well and alike."""
        endings = {_show_ending(run.outcome) for run in result.runs}
        if len(endings) < 2 and all(run.outcome.is_success for run in result.runs):
            return []
        has_levels = any(run.level is not Level.BOUNDARY for run in result.runs)
        rows = [
            (
                str(run.index),
                run.level.value if has_levels else "",
                _show_ending(run.outcome),
                show_whole(run.steps),
                show_whole(run.events),
                show_prose(run.outcome.detail),
            )
            for run in result.runs[: self.max_rows]
        ]
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
            is_located = result.verdict is not Verdict.NOT_REPRODUCIBLE
            return [] if is_located else ["no source was located"]
        lines = describe_finding(result.findings[0], self.width)
        if result.reproducer:
            shows = f"{show_name(result.reproducer)} shows it without this program"
            lines += wrap_beside("to report", shows, self.width)
        return lines

    def _list_others(self, findings: Sequence[Finding]) -> list[str]:
        rows = [
            (
                show_name(finding.op or ""),
                _show_line(finding.location),
                f"{name_phase(finding.phase)} {finding.step}",
                finding.cause.value,
                _name_proven(finding.fix),
            )
            for finding in findings[: self.max_rows]
        ]
        columns = (
            name_column("op"),
            name_column("line"),
            Column("when"),
            Column("cause"),
            prose_column("repaired by"),
        )
        return self._make_table(columns, rows, total=len(findings))

    def _list_evidence(self, findings: Sequence[Finding]) -> list[str]:
        """Cross-tabulate the four kinds of evidence; of one finding they are told in words."""
        if len(findings) < 2:
            return []
        ops = [finding for finding in findings if finding.op and has_answers(finding.evidence)]
        rows = []
        for finding in ops[: self.max_rows]:
            answers = [show_answer(finding.evidence, kind) for kind, _ in EVIDENCE]
            rows.append((show_name(finding.op or ""), _show_line(finding.location), *answers))
        columns = (name_column("op"), name_column("line"), *(Column(kind) for kind, _ in EVIDENCE))
        return self._make_table(columns, rows, total=len(ops))

    def _list_trials(self, result: AuditResult) -> list[str]:
        rows = [
            (", ".join(map(show_name, trial.settings)), show_prose(word_trial(trial)))
            for trial in result.trials[: self.max_rows]
        ]
        columns = (prose_column("interventions"), prose_column("what came of it"))
        return self._make_table(columns, rows, total=len(result.trials))

    def _list_tensors(self, result: AuditResult) -> list[str]:
        has_pairs = not _name_pair(result.divergences)
        shown = result.divergences[: self.max_rows]
        rows = [_make_tensor_row(divergence, with_runs=has_pairs) for divergence in shown]
        columns = (
            Column("kind"),
            name_column("name"),
            number_column("step"),
            Column("runs"),
            number_column("differing/elements"),
            number_column("max ULP"),
            number_column("max abs"),
            prose_column("note"),
        )
        lines = make_table(columns, rows, self.width)
        total = max(result.divergences_total, len(result.divergences))
        in_json = len(result.divergences) - len(rows)
        return lines + _count_cut(total - len(rows), in_json)

    def _list_alerts(self, result: AuditResult) -> list[str]:
        rows = [
            (
                show_name(alert.op),
                show_place(alert.location),
                name_phase(alert.phase),
                show_whole(alert.count),
            )
            for alert in result.alerts[: self.max_rows]
        ]
        columns = (name_column("op"), name_column("line"), Column("phase"), number_column("times"))
        return self._make_table(columns, rows, total=len(result.alerts))

    def _list_changes(self, result: AuditResult) -> list[str]:
        texts = []
        for change in result.changes:
            text = (
                f"{show_name(change.what)}: {show_name(change.before)} → {show_name(change.after)}"
            )
            if change.location:
                text += f", {show_place(change.location)}"
            texts.append(text)
        return self._list_entries(texts)

    def _describe_confidence(self, result: AuditResult) -> list[str]:
        sentences = [
            word_confidence(result),
            word_completeness(result),
            self._show_classes(result),
            _say_what_was_compared(result),
            _show_settings(result),
        ]
        lines: list[str] = []
        for sentence in sentences:
            lines += wrap_entry(sentence, self.width)
        return lines

    def _show_classes(self, result: AuditResult) -> str:
        if len(result.classes) < 2:
            return ""
        shown = result.classes[: self.max_rows]
        groups = [f"{{{', '.join(map(str, group))}}}" for group in shown]
        cut = len(result.classes) - len(shown)
        rest = f" … and {cut:,} more" if cut else ""
        return f"equal runs: {' '.join(groups)}{rest}"

    def _make_table(
        self, columns: Sequence[Column], rows: Sequence[Sequence[str]], *, total: int
    ) -> list[str]:
        return make_table(columns, rows, self.width) + _count_cut(total - len(rows))

    def _list_entries(self, texts: Iterable[str]) -> list[str]:
        entries = [wrap_entry(text, self.width) for text in texts]
        lines = [line for entry in entries[: self.max_rows] for line in entry]
        return lines + _count_cut(len(entries) - self.max_rows)


def _show_note(note: NotChecked) -> str:
    return f"{show_prose(note.what)}: {show_prose(note.why)}"


def _show_warning(warning: ProgramWarning) -> str:
    return show_prose(word_warning(warning))


def _show_ending(outcome: Outcome) -> str:
    return outcome.kind.value + (f" ({outcome.code})" if outcome.code is not None else "")


def _show_line(location: Location | None) -> str:
    return show_name(f"{location.path}:{location.line}") if location else ""


def _name_proven(fix: Fix | None) -> str:
    return ", ".join(map(show_name, fix.settings)) if fix is not None and fix.verified else ""


def _name_pair(divergences: Sequence[TensorDivergence]) -> str:
    """Name the two runs that the table compares; empty if there are several pairs, which then need
    a column."""
    pairs = {divergence.runs for divergence in divergences}
    if len(pairs) != 1:
        return ""
    ((first, second),) = pairs
    return f" between runs {first} and {second}"


def _make_tensor_row(divergence: TensorDivergence, *, with_runs: bool) -> tuple[str, ...]:
    first, second = divergence.runs
    start = (
        name_kind(divergence.kind),
        show_name(divergence.name),
        str(divergence.step),
        f"{first}, {second}" if with_runs else "",
    )
    remark = show_prose(word_remark(divergence))
    remarks = [remark] if remark else []
    found = divergence.difference
    if found is None:
        return (*start, "", "", "", remark)
    remarks += name_oddities(found)
    if found.within_tolerance:
        remarks.append("within tolerance")
    return (
        *start,
        f"{show_whole(found.differing)}/{show_whole(found.elements)}",
        show_whole(found.max_ulp),
        show_real(found.max_abs),
        ", ".join(remarks),
    )


def _say_what_was_compared(result: AuditResult) -> str:
    counts = [show_count(number, show_name(kind)) for kind, number in result.compared if number]
    where = f"each run of {show_name(result.subject)}" if result.subject else "each run"
    steps = show_count(result.steps, "step")
    what = f"{', '.join(counts)}, over {steps}" if counts else "nothing"
    return f"compared in {where}: {what}"


def _show_settings(result: AuditResult) -> str:
    texts = [f"{show_name(name)} {show_name(value)}" for name, value in result.settings]
    return f"settings: {', '.join(texts)}" if texts else ""


def _count_cut(cut: int, in_json: int | None = None) -> list[str]:
    """Say how many rows were left out, and how many of them the JSON report has, which is all
    unless told."""
    if cut <= 0:
        return []
    if in_json is None or in_json >= cut:
        return [f"… and {cut:,} more (all in the JSON report)"]
    if in_json > 0:
        return [f"… and {cut:,} more ({in_json:,} in the JSON report)"]
    return [f"… and {cut:,} more"]
