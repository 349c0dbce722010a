"""What `reproaudit ci` says on stdout: each subject in a line or a few, then what became of the
baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reproaudit.gate.baseline import Entry, entries_of
from reproaudit.gate.ruling import Audited, Ruling
from reproaudit.model.result import Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.wording import VERDICTS, counted, fix_state, named, prose, warning_sentence

_GAP = 2
_WIDTH = max(map(len, VERDICTS.values())) + _GAP


def summary(
    ruling: Ruling, baseline: str, change: Sequence[Entry] | None, *, is_first: bool
) -> str:
    """Return the summary. `change` is what --update-baseline wrote at first or took out; None: it
    was not asked for.

    `baseline` is the file's name; empty if there is no such file.
    """
    lines: list[str] = []
    for one in ruling.audited:
        lines += _subject(one, ruling.accepted)
    # What is said of one subject stands in its report; what is said of all is about the
    # configuration.
    said = [
        {prose(warning_sentence(warning)) for warning in one.result.warnings}
        for one in ruling.audited
        if one.error is None
    ]
    lines += [f"warning: {text}" for text in sorted(set.intersection(*said) if said else ())]
    lines += ["", *_baseline(ruling, baseline, change, is_first=is_first), "", _outcome(ruling)]
    return "\n".join(lines) + "\n"


def _subject(one: Audited, accepted: frozenset[str]) -> Iterator[str]:
    result = one.result
    yield f"{VERDICTS[result.verdict]:<{_WIDTH}}{named(result.subject)}"
    if one.error is not None:
        # The reports have the message; the hint, which may quote the program's last output, is only
        # here.
        for line in str(one.error).splitlines():
            yield f"{'':<{_WIDTH}}{named(line)}"
        return
    if result.verdict is Verdict.REPRODUCIBLE:
        return
    yield f"{'':<{_WIDTH}}{prose(result.headline)}"
    findings = {
        entry.fingerprint: found
        for entry, found in zip(entries_of(result), result.findings, strict=False)
    }
    for entry in entries_of(result):
        state = "accepted" if entry.fingerprint in accepted else "new"
        if result.verdict is Verdict.WITHIN_TOLERANCE:
            state = "within tolerance"
        yield f"{'':<{_WIDTH}}{state}: {_told(entry)}  [{entry.fingerprint}]"
        if state == "new" and entry.fingerprint in findings:
            yield from (
                f"{'':<{_WIDTH + _GAP}}{line}" for line in _details(findings[entry.fingerprint])
            )
    if result.is_complete is False:
        yield f"{'':<{_WIDTH}}further sources may be hidden behind these: not all are known"


def _details(finding: Finding) -> Iterator[str]:
    yield f"{finding.cause.value}: {prose(finding.title)}" + (
        f", {finding.location}" if finding.location else ""
    )
    if finding.fix is not None:
        settings = ", ".join(map(named, finding.fix.settings))
        yield "fix: " + ", ".join(
            filter(None, (prose(finding.fix.advice), settings, fix_state(finding.fix)))
        )
    yield f"next: reproaudit explain {named(finding.rule)}"


def _told(entry: Entry) -> str:
    return " ".join(named(part) for part in (entry.rule, entry.op, entry.location) if part)


def _baseline(
    ruling: Ruling, baseline: str, change: Sequence[Entry] | None, *, is_first: bool
) -> Iterator[str]:
    if not baseline:
        yield "no baseline: nothing is accepted; --update-baseline makes one of what differs now"
        return
    counts = [f"{len(ruling.known)} accepted and present"]
    if ruling.unseen:
        counts.append(f"{len(ruling.unseen)} accepted and not seen this time")
    yield f"baseline {named(baseline)}: {', '.join(counts)}"
    if change is not None:
        verb = "accepted" if is_first else "removed"
        yield from (f"  {verb}: {named(entry.subject)}: {_told(entry)}" for entry in change)
        if not change:
            yield "  nothing differs: it is empty" if is_first else "  nothing to remove"
    for entry in ruling.gone:
        yield f"  fixed: {named(entry.subject)}: {_told(entry)}; remove it with --update-baseline"
    if ruling.new and change is not None:
        yield "  what is new is not added: a baseline only shrinks. Repair it, or write its entry by hand"


def _outcome(ruling: Ruling) -> str:
    failed = sum(one.result.verdict is Verdict.NOT_AUDITED for one in ruling.audited)
    parts = [counted(len(ruling.audited), "subject")]
    if ruling.new:
        parts.append(f"{counted(len(ruling.new), 'divergence')} not accepted")
    if failed:
        parts.append(f"{failed} not audited")
    return (
        f"{', '.join(parts)}: "
        + {0: "passed", 1: "failed", 2: "could not be decided"}[ruling.exit_code]
    )
