"""Owns the report that is read on a screen: the answer first, then where, why, what else, how sure,
what next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reproaudit.model.events import Level, Location, Outcome
from reproaudit.model.result import AuditResult, Evidence, Finding, Fix, TensorDivergence
from reproaudit.model.verdict import Verdict
from reproaudit.report.layout import columns, indented, labelled, table
from reproaudit.report.wording import (
    VERDICTS,
    completeness_sentence,
    confidence_sentence,
    counted,
    difference_sentence,
    divergence_remark,
    escaped,
    fix_state,
    kind_word,
    moment,
    named,
    oddities,
    phase_word,
    prose,
    real,
    replays_sentence,
    trial_sentence,
    warning_sentence,
    whole,
)

_EVIDENCE = (
    ("observed", "differs between runs on equal inputs"),
    ("replayed", "differs when the same call is repeated"),
    ("declared", "refused by torch.use_deterministic_algorithms(True)"),
    ("switched", "stable with that flag, not without"),
)
_WORDS = {True: "yes", False: "no", None: "-"}
_BOLD, _RED, _GREEN, _YELLOW, _PLAIN = (
    "\x1b[1m",
    "\x1b[1;31m",
    "\x1b[1;32m",
    "\x1b[1;33m",
    "\x1b[0m",
)
_COLOURS = {Verdict.REPRODUCIBLE: _GREEN, Verdict.NOT_REPRODUCIBLE: _RED}


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
        page = _Page(max(self.options.width, 60) - 2, max(self.options.max_rows, 1))
        lines = [self._answer(result)]
        for title, body in page.sections(result):
            if body:
                lines += ["", self._painted(title, _BOLD), *(f"  {line}".rstrip() for line in body)]
        return "\n".join(lines) + "\n"

    def render_all(
        self, results: Sequence[AuditResult], accepted: frozenset[str] = frozenset()
    ) -> str:
        """Return the reports one after the other. What is accepted is not marked: it differs all
        the same."""
        return "\n".join(map(self.render, results)) or "nothing was audited\n"

    def _answer(self, result: AuditResult) -> str:
        word = self._painted(VERDICTS[result.verdict], _COLOURS.get(result.verdict, _YELLOW))
        return f"{word}: {prose(result.headline)}" if result.headline.strip() else word

    def _painted(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self.options.colour else text


@dataclass(frozen=True, slots=True)
class _Page:
    """The sections as lines of at most `width` characters, save for what must not be broken."""

    width: int
    max_rows: int

    def sections(self, result: AuditResult) -> Iterable[tuple[str, list[str]]]:
        findings, refused = (
            result.findings,
            "Operators that torch.use_deterministic_algorithms(True) refuses",
        )
        yield "Runs", self._outcomes(result)
        yield (
            ("Where" if len(findings) < 2 else f"Where: the first of {len(findings):,} findings"),
            self._first(result),
        )
        yield "Other findings", self._others(findings[1:])
        yield "Evidence about operators", self._evidence(findings)
        yield "Tried", self._trials(result)
        yield f"What differs{_between(result.divergences)}", self._tensors(result)
        yield refused, self._alerts(result)
        yield "Settings that the program changed", self._changes(result)
        yield (
            "Warnings",
            self._capped(
                [indented(prose(warning_sentence(one)), self.width) for one in result.warnings]
            ),
        )
        notes = [
            indented(f"{prose(note.what)}: {prose(note.why)}", self.width)
            for note in result.not_checked
        ]
        yield "Not checked", self._capped(notes)
        yield "How sure", self._confidence(result)
        yield "Next", [escaped(command) for command in result.next_commands]

    def _outcomes(self, result: AuditResult) -> list[str]:
        """Show how the runs ended, unless all ended well and alike."""
        if len({_ended(run.outcome) for run in result.runs}) < 2 and all(
            run.outcome.is_success for run in result.runs
        ):
            return []
        has_levels = any(run.level is not Level.BOUNDARY for run in result.runs)
        rows = [
            (
                str(run.index),
                run.level.value if has_levels else "",
                _ended(run.outcome),
                whole(run.steps),
                whole(run.events),
                prose(run.outcome.detail),
            )
            for run in result.runs[: self.max_rows]
        ]
        names = columns("run>", "level", "ended", "steps>", "events>", "detail.")
        return table(names, rows, self.width) + _more(len(result.runs) - len(rows))

    def _first(self, result: AuditResult) -> list[str]:
        if not result.findings:
            is_located = result.verdict is not Verdict.NOT_REPRODUCIBLE
            return [] if is_located else ["no source was located"]
        finding, width = result.findings[0], self.width
        times = f" ({finding.count:,} times)" if finding.count > 1 else ""
        lines = labelled("line", _place(finding.location) + ("" if finding.op else times), width)
        if finding.op:
            lines += labelled("op", named(finding.op) + times, width)
        lines += labelled("when", moment(finding.phase, finding.step), width)
        if finding.module:
            lines += labelled("module", named(finding.module), width)
        lines += labelled(
            "cause", f"{finding.cause.value} ({named(finding.rule)}): {prose(finding.title)}", width
        )
        lines += _evidence(finding.evidence, width)
        if finding.difference:
            lines += labelled("difference", difference_sentence(finding.difference), width)
        if finding.fix:
            lines += _fix(finding.fix, width)
        if result.reproducer:
            lines += labelled(
                "to report", f"{named(result.reproducer)} shows it without this program", width
            )
        return lines

    def _others(self, findings: Sequence[Finding]) -> list[str]:
        rows = [
            (
                named(finding.op or ""),
                _short_place(finding.location),
                f"{phase_word(finding.phase)} {finding.step}",
                finding.cause.value,
                _repaired_by(finding.fix),
            )
            for finding in findings[: self.max_rows]
        ]
        names = columns("op~", "line~", "when", "cause", "repaired by.")
        return table(names, rows, self.width) + _more(len(findings) - len(rows))

    def _evidence(self, findings: Sequence[Finding]) -> list[str]:
        """Cross-tabulate the four kinds of evidence; of one finding they are told in words."""
        looked_at = [
            finding for finding in findings if finding.op and _is_looked_at(finding.evidence)
        ]
        if len(findings) < 2:
            return []
        rows = [
            (
                named(finding.op or ""),
                _short_place(finding.location),
                *(_WORDS[getattr(finding.evidence, name)] for name, _ in _EVIDENCE),
            )
            for finding in looked_at[: self.max_rows]
        ]
        names = columns("op~", "line~", *(name for name, _ in _EVIDENCE))
        return table(names, rows, self.width) + _more(len(looked_at) - len(rows))

    def _trials(self, result: AuditResult) -> list[str]:
        rows = [
            (", ".join(map(named, trial.settings)), prose(trial_sentence(trial)))
            for trial in result.trials[: self.max_rows]
        ]
        return table(columns("interventions.", "what came of it."), rows, self.width) + _more(
            len(result.trials) - len(rows)
        )

    def _tensors(self, result: AuditResult) -> list[str]:
        has_pairs = not _between(result.divergences)
        rows = [
            _tensor_row(divergence, has_pairs) for divergence in result.divergences[: self.max_rows]
        ]
        names = columns(
            "kind", "name~", "step>", "runs", "differing/elements>", "max ULP>", "max abs>", "note."
        )
        total = max(result.divergences_total, len(result.divergences))
        return table(names, rows, self.width) + _more(
            total - len(rows), len(result.divergences) - len(rows)
        )

    def _alerts(self, result: AuditResult) -> list[str]:
        rows = [
            (named(alert.op), _place(alert.location), phase_word(alert.phase), whole(alert.count))
            for alert in result.alerts[: self.max_rows]
        ]
        names = columns("op~", "line~", "phase", "times>")
        return table(names, rows, self.width) + _more(len(result.alerts) - len(rows))

    def _changes(self, result: AuditResult) -> list[str]:
        texts = [
            f"{named(change.what)}: {named(change.before)} → {named(change.after)}"
            + (f", {_place(change.location)}" if change.location else "")
            for change in result.changes
        ]
        return self._capped([indented(text, self.width) for text in texts])

    def _confidence(self, result: AuditResult) -> list[str]:
        runs = sum(map(len, result.classes)) or len(result.runs)
        lines = indented(confidence_sentence(result, runs), self.width)
        if completeness := completeness_sentence(result):
            lines += indented(completeness, self.width)
        if len(result.classes) > 1:
            groups = [
                f"{{{', '.join(map(str, group))}}}" for group in result.classes[: self.max_rows]
            ]
            cut = len(result.classes) - len(groups)
            rest = f" … and {cut:,} more" if cut else ""
            lines += indented(f"equal runs: {' '.join(groups)}{rest}", self.width)
        kinds = ", ".join(
            counted(number, named(kind)) for kind, number in result.compared if number
        )
        steps = counted(result.steps, "step")
        where = f"each run of {named(result.subject)}" if result.subject else "each run"
        lines += indented(
            f"compared in {where}: {f'{kinds}, over {steps}' if kinds else 'nothing'}", self.width
        )
        if result.settings:
            texts = [f"{named(name)} {named(value)}" for name, value in result.settings]
            lines += indented(f"settings: {', '.join(texts)}", self.width)
        return lines

    def _capped(self, entries: Sequence[list[str]]) -> list[str]:
        lines = [line for entry in entries[: self.max_rows] for line in entry]
        return lines + _more(len(entries) - self.max_rows)


def _ended(outcome: Outcome) -> str:
    return outcome.kind.value + (f" ({outcome.code})" if outcome.code is not None else "")


def _place(location: Location | None) -> str:
    return named(str(location)) if location else "unknown"


def _short_place(location: Location | None) -> str:
    return named(f"{location.path}:{location.line}") if location else ""


def _is_looked_at(evidence: Evidence) -> bool:
    return any(getattr(evidence, name) is not None for name, _ in _EVIDENCE)


def _repaired_by(fix: Fix | None) -> str:
    return ", ".join(map(named, fix.settings)) if fix is not None and fix.verified else ""


def _evidence(evidence: Evidence, width: int) -> list[str]:
    answers = [(name, getattr(evidence, name), meaning) for name, meaning in _EVIDENCE]
    lines: list[str] = []
    if _is_looked_at(evidence):
        for name, answer, meaning in answers:
            lines += labelled(
                "" if lines else "evidence",
                f"{name}  {_WORDS[answer]:<3}  {meaning}",
                width,
                inner=15,
            )
    if evidence.replays is not None:
        lines += labelled("" if lines else "evidence", replays_sentence(evidence.replays), width)
    for note in evidence.notes:
        lines += labelled("" if lines else "evidence", prose(note), width)
    return lines


def _fix(fix: Fix, width: int) -> list[str]:
    lines = labelled("fix", prose(fix.advice), width) if fix.advice.strip() else []
    state = fix_state(fix)
    settings = ", ".join(map(named, fix.settings))
    lines += labelled("" if lines else "fix", f"{settings}: {state}" if settings else state, width)
    for number, line in enumerate(fix.patch):
        # Code is not wrapped, and its indentation is part of it.
        lines.append(f"{'' if number else 'in code':<12}{escaped(line)}")
    return lines


def _between(divergences: Sequence[TensorDivergence]) -> str:
    """Name the two runs that the table compares; empty if there are several pairs, which then need
    a column."""
    pairs = {divergence.runs for divergence in divergences}
    return " between runs {} and {}".format(*pairs.pop()) if len(pairs) == 1 else ""


def _tensor_row(divergence: TensorDivergence, with_runs: bool) -> tuple[str, ...]:
    found = divergence.difference
    remark = prose(divergence_remark(divergence))
    remarks = [remark] if remark else []
    runs = "{}, {}".format(*divergence.runs) if with_runs else ""
    first = (kind_word(divergence.kind), named(divergence.name), str(divergence.step), runs)
    if found is None:
        return *first, "", "", "", ", ".join(remarks)
    remarks += oddities(found) + ["within tolerance"] * found.within_tolerance
    sizes = (
        f"{whole(found.differing)}/{whole(found.elements)}",
        whole(found.max_ulp),
        real(found.max_abs),
    )
    return *first, *sizes, ", ".join(remarks)


def _more(cut: int, in_json: int | None = None) -> list[str]:
    """Say how many rows were left out, and how many of them the JSON report has, which is all
    unless told."""
    if cut <= 0:
        return []
    if in_json is None or in_json >= cut:
        return [f"… and {cut:,} more (all in the JSON report)"]
    return [f"… and {cut:,} more" + (f" ({in_json:,} in the JSON report)" if in_json > 0 else "")]
