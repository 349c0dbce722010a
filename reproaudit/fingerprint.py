"""What identifies a finding from one audit to the next, though lines move: for baselines and code-quality services."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from reproaudit.model import Finding

_HEX_DIGITS = 32


def fingerprints(subject: str, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return 32 hexadecimal digits per finding, all different, the same for the same source in another audit.

    They depend on the subject, rule, op, pass, module, file and function; not on line numbers, steps, counts and
    measured values, which change with every edit. Findings that agree in all that are numbered in their order.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for finding in findings:
        place = finding.location
        key = (
            subject, finding.rule, finding.op or "", finding.phase, finding.module,
            place.path if place is not None else "", place.function if place is not None else "",
        )  # fmt: skip
        found.append(hashlib.sha256("\0".join((*key, str(seen[key]))).encode()).hexdigest()[:_HEX_DIGITS])
        seen[key] += 1
    return tuple(found)
