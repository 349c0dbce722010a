"""What identifies a finding from one audit to the next, though lines move: for baselines and
code-quality services."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from reproaudit.model.result import AuditResult, Finding

_HEX_DIGITS = 32


def fingerprints(subject: str, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return 32 hexadecimal digits per finding, all different, the same for the same source in
    another audit.

    They depend on the subject, rule, op, pass, module, file and function; not on line numbers,
    steps, counts and measured values, which change with every edit. Findings that agree in all that
    are numbered in their order.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for finding in findings:
        place = finding.location
        key = (
            subject,
            finding.rule,
            finding.op or "",
            finding.phase,
            finding.module,
            place.path if place is not None else "",
            place.function if place is not None else "",
        )
        # A name that is no UTF-8 holds lone surrogates, which have no encoding of their own.
        text = "\0".join((*key, str(seen[key]))).encode(errors="surrogatepass")
        found.append(hashlib.sha256(text).hexdigest()[:_HEX_DIGITS])
        seen[key] += 1
    return tuple(found)


def divergence_fingerprint(result: AuditResult) -> str:
    """Return what identifies a divergence none of whose sources was located: the subject and where
    it shows first.

    That is the first tensor that differs, by kind, pass and name, other than a batch if there is
    one; without any, that runs end differently. So whoever accepts it accepts this place, and not
    whatever the subject may do later.
    """
    rows = [row for row in result.divergences if row.kind != "batch"] or list(result.divergences)
    place = (rows[0].kind, rows[0].phase, rows[0].name) if rows else ("outcome",)
    text = "\0".join((result.subject, *place)).encode(errors="surrogatepass")
    return hashlib.sha256(text).hexdigest()[:_HEX_DIGITS]
