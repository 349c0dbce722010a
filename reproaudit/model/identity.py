"""What identifies a finding from one audit to the next, though lines move: for baselines and
code-quality services."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reproaudit.model.events import Location, Phase
from reproaudit.model.result import AuditResult, Finding

_HEX_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same of a finding, or of another issue, while the program is edited.

    No line numbers, steps, counts and measured values: they change with every edit.
    """

    rule: str
    what: str = ""  # the operator, or the message of what has none
    phase: Phase | None = None
    module: str = ""
    location: Location | None = None

    def key(self) -> tuple[str, ...]:
        """Return what is hashed. The line of the location is no part of it."""
        phase = ""
        path = ""
        function = ""
        if self.phase is not None:
            phase = self.phase.name.lower()
        if self.location is not None:
            path = self.location.path
            function = self.location.function
        return (self.rule, self.what, phase, self.module, path, function)


def fingerprints(subject: str, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return 32 hexadecimal digits per finding, all different, the same for the same source in
    another audit."""
    identities = [
        Identity(
            rule=finding.rule,
            what=finding.op or "",
            phase=finding.phase,
            module=finding.module,
            location=finding.location,
        )
        for finding in findings
    ]
    return hash_identities(subject, identities)


def hash_identities(subject: str, identities: Iterable[Identity]) -> tuple[str, ...]:
    """Return 32 hexadecimal digits per identity. Equal ones are numbered in their order."""
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for identity in identities:
        key = identity.key()
        found.append(_hash((subject, *key, str(seen[key]))))
        seen[key] += 1
    return tuple(found)


def divergence_fingerprint(result: AuditResult) -> str:
    """Return what identifies a divergence none of whose sources was located: the subject and where
    it shows first.

    That is the first tensor that differs, by kind, pass and name; without any, that runs end
    differently. So whoever accepts it accepts this place, and not whatever the subject may do
    later.
    """
    row = result.first_divergence
    if row is None:
        return _hash((result.subject, "outcome"))
    kind = row.kind.name.lower()
    phase = row.phase.name.lower()
    return _hash((result.subject, kind, phase, row.name))


def _hash(parts: Iterable[str]) -> str:
    # A name that is no UTF-8 holds lone surrogates, which have no encoding of their own.
    text = "\0".join(parts).encode(errors="surrogatepass")
    return hashlib.sha256(text).hexdigest()[:_HEX_DIGITS]
