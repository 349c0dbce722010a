"""What depends on a variation that is known: where two runs that differ in it alone first part."""

from __future__ import annotations

from reproaudit.compare.entropy import differing_calls
from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import Judged
from reproaudit.diagnose.attribute import settle_finding
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import explain_sources
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.result import Finding


def explain_varied(
    pair: RunPair, wanted: Wanted, judged: Judged, interned: Interned
) -> tuple[Finding, ...]:
    """Return what of the program depends on the variation, the first place first."""
    explained = explain_sources(
        pair.localisation.sources,
        pair.runs,
        differing_calls(*pair.runs, interned),
        reordered=judged.same_samples_reordered,
    )
    return tuple(settle_finding(one) for one in explained)
