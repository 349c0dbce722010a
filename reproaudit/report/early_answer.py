"""Owns the lines that are shown while an audit goes on: each fact once, when it is certain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from reproaudit.model.cause import Cause
from reproaudit.model.early import (
    AuditEnded,
    CausesKnown,
    EarlyFact,
    SourceSeen,
    TrialMade,
    VerdictKnown,
)
from reproaudit.model.events import Location
from reproaudit.model.result import Finding, Trial
from reproaudit.model.verdict import Verdict
from reproaudit.report.headline import word_place
from reproaudit.report.places import move_finding, move_location
from reproaudit.report.verdicts import VERDICTS
from reproaudit.report.wording import (
    is_after_last_step,
    name_kind,
    name_source,
    show_count,
    show_name,
)

_MOST = 5  # findings that have a line of their own: the report has them all


@dataclass(slots=True)
class EarlyAnswer:
    """The lines about one audit.

    `folder` is the subject's, seen from the working folder. It remembers what it has said: no fact
    is said twice, and what turned out to be otherwise is corrected before the report.
    """

    folder: str = ""
    _verdict: Verdict | None = None
    _place: Location | None = None
    _findings: tuple[Finding, ...] = ()
    _repairs: set[frozenset[str]] = field(default_factory=set)

    def word(self, fact: EarlyFact) -> tuple[str, ...]:
        """Return the lines that say a fact; none if it was said, or is no news."""
        if isinstance(fact, VerdictKnown):
            return tuple(self._word_verdict(fact))
        if isinstance(fact, SourceSeen):
            return tuple(self._word_source(fact))
        if isinstance(fact, TrialMade):
            return tuple(self._word_trial(fact.trial))
        if isinstance(fact, CausesKnown):
            return tuple(self._word_causes(fact.findings))
        return tuple(self._correct(fact))

    def _word_verdict(self, fact: VerdictKnown) -> Iterator[str]:
        self._verdict = fact.verdict
        said = VERDICTS[fact.verdict]
        if fact.verdict is Verdict.REPRODUCIBLE:
            steps = show_count(fact.steps, "step")
            yield f"{said}: {show_count(fact.runs, 'run')} are bitwise equal over {steps}"
            return
        how = "2 runs differ"
        if fact.runs > 2:
            how = f"run {fact.runs} differs from the first"
        row = fact.first
        if row is not None:
            how += f", first seen in {name_kind(row.kind)} {show_name(row.name)}"
            after = is_after_last_step(row.step, fact.steps)
            how += ", after the last step" if after else f" of step {row.step}"
        yield f"{said}: {how}"

    def _word_source(self, fact: SourceSeen) -> Iterator[str]:
        finding = move_finding(self.folder, fact.finding)
        arrival = move_location(self.folder, fact.arrival) or finding.location
        self._place = arrival
        # What differs first was seen. Where it came from is what the rest of the audit looks for.
        seen = replace(finding, call="", below=None, location=arrival)
        yield word_place(seen, fact.end_step)
        if finding.cause is not Cause.UNKNOWN:
            yield f"suspected cause: {_word_cause(finding, arrival)}"

    def _word_trial(self, trial: Trial) -> Iterator[str]:
        key = frozenset(trial.settings)
        if not trial.is_proof or key in self._repairs:
            return
        self._repairs.add(key)
        settings = ", ".join(map(show_name, trial.settings))
        runs = show_count(trial.runs, "run")
        yield f"repaired by {settings}: {runs} with it are equal, and runs without it differ"

    def _word_causes(self, findings: tuple[Finding, ...]) -> Iterator[str]:
        self._findings = findings
        for finding in findings[:_MOST]:
            place = self._place if len(findings) == 1 else None
            yield f"cause: {_word_cause(move_finding(self.folder, finding), place)}"
        left = len(findings) - _MOST
        if left > 0:
            yield f"{show_count(left, 'more finding')}: see the report"

    def _correct(self, fact: AuditEnded) -> Iterator[str]:
        result = fact.result
        if self._verdict not in (None, result.verdict):
            yield f"corrected: {VERDICTS[result.verdict]}, for the reasons that the report gives"
        told = [finding.cause for finding in self._findings]
        causes = [finding.cause for finding in result.findings]
        if not told:
            return
        if causes != told:
            named = ", ".join(cause.value for cause in causes) or "none that could be shown"
            yield f"corrected by further runs: cause {named}"
            return
        for before, after in zip(self._findings, result.findings, strict=True):
            if after.location is not None and after.location != before.location:
                place = show_name(str(move_location(self.folder, after.location)))
                yield f"{after.cause.value} was traced back to {place}"


def _word_cause(finding: Finding, said: Location | None) -> str:
    """Return a cause with its rule, and where it lies unless that was `said`."""
    words = f"{finding.cause.value} ({finding.rule})"
    source = name_source(finding)
    if said is not None and finding.location == said and not finding.call:
        return words
    if source:
        words += f", {source}"
    if finding.location is not None:
        words += f", {show_name(str(finding.location))}"
    return words
