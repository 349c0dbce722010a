"""Which part of a proven fix each source gets, and one finding of those that say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.diagnose.attribute import could_be_repaired_by, is_repaired_by
from reproaudit.diagnose.pinning import FoundSource
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location
from reproaudit.model.result import Finding, Fix


def divide_fix(fix: tuple[str, ...], known: Sequence[FoundSource]) -> list[tuple[str, ...]]:
    """Return the part of the fix that belongs to each source."""
    parts: list[tuple[str, ...]] = []
    for one in known:
        part = tuple(name for name in fix if is_repaired_by(one, name, known))
        parts.append(part)
    left = leave_out_parts(fix, parts)
    for number, one in enumerate(known):
        if parts[number]:
            continue
        # What nothing else explains goes to the first source that it could repair.
        part = tuple(name for name in left if could_be_repaired_by(one, name))
        parts[number] = part
        left = [name for name in left if name not in part]
    return parts


def leave_out_parts(fix: Sequence[str], parts: Sequence[Sequence[str]]) -> list[str]:
    """Return the interventions of the fix that are in none of the parts."""
    taken: set[str] = set()
    for part in parts:
        taken.update(part)
    return [name for name in fix if name not in taken]


def unite_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings, those of one cause, operator and line as one, in order.

    Two sources may turn out to be one: what repairs them gives them their cause, and following
    lines their place.
    """
    found: dict[tuple[Cause, str | None, Location | None], Finding] = {}
    for finding in findings:
        # With another number of threads, set at one line, any op after it may round otherwise.
        op = None if finding.cause is Cause.THREAD_COUNT else finding.op
        identity = (finding.cause, op, finding.location)
        other = found.get(identity)
        if other is None:
            found[identity] = finding
            continue
        found[identity] = replace(
            other,
            count=other.count + finding.count,
            fix=_unite_fixes(other.fix, finding.fix),
            ranks=tuple(sorted({*other.ranks, *finding.ranks})),
        )
    return tuple(found.values())


def _unite_fixes(first: Fix | None, second: Fix | None) -> Fix | None:
    """Return one fix of two parts of a proven one; else the one that was proven."""
    if first is None or second is None:
        return first or second
    if not (first.verified and second.verified):
        return first if first.verified else second
    # Both parts were proven by runs with the whole, or the one that was proven alone suffices.
    whole = {*first.settings, *first.together}
    if whole != {*second.settings, *second.together}:
        return first
    settings = tuple(dict.fromkeys((*first.settings, *second.settings)))
    together = tuple(name for name in first.together if name not in settings)
    patch = tuple(dict.fromkeys((*first.patch, *second.patch)))
    return replace(first, settings=settings, together=together, patch=patch)
