"""What to advise about messages where nothing can be tried: what an audit would try first."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.comparison.localise import Origin
from reproaudit.diagnose.candidates import find_candidates
from reproaudit.diagnose.sources import Explanation
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.traits import Part
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location
from reproaudit.model.result import Finding
from reproaudit.patches.patch import choose_patch_lines
from reproaudit.trace.runs import Run

_NCCL = "with NCCL, start with NCCL_ALGO=Ring"


def advise_untried(explained: Explanation, pair: tuple[Run, Run]) -> Finding:
    """Return a finding of messages with the advice of the likeliest repair, and what to write.

    Nothing shows that it is enough. Other findings are returned as they are.
    """
    finding = explained.finding
    if finding.cause is not Cause.COLLECTIVE_ORDER or finding.fix is None:
        return finding
    cuda = "gpu" in pair[0].main.header["environment"]
    for name in find_candidates(explained, pair, cuda=cuda):
        entry = INTERVENTIONS[name]
        if Cause.COLLECTIVE_ORDER not in entry.causes or not entry.advice:
            continue
        if entry.acts_on is Part.BUCKETS and not _is_wrapped_at(finding.location, pair[0]):
            continue
        advice = entry.advice
        if cuda and explained.source.origin is Origin.REDUCTION:
            advice = f"{advice}; {_NCCL}"
        patch = choose_patch_lines(entry, refuses=False)
        return replace(finding, fix=replace(finding.fix, advice=advice, patch=patch))
    return finding


def _is_wrapped_at(location: Location | None, run: Run) -> bool:
    """Return True if a rank wraps a module in DistributedDataParallel at the line."""
    if location is None:
        return False
    for _, trace in run.ranks:
        if any(one.location.code_line == location.code_line for one in trace.replicas()):
            return True
    return False
