"""What the kept values of a call, and its repetitions, say of its kernel."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.comparison.replays import Capture, difference
from reproaudit.model.cause import Cause
from reproaudit.model.confidence import find_interval
from reproaudit.model.difference import Difference
from reproaudit.model.result import Finding, Replays
from reproaudit.trace.words import ReplayWay


def find_difference(first: Capture, second: Capture | None) -> Difference | None:
    """Return how far the outputs of a call are apart in two runs, or in its own repetitions."""
    if second is not None:
        between_runs = difference(first.outputs(), second.outputs())
        if between_runs is not None:
            return between_runs
    # The two runs agree in this call by chance; its own repetitions may not.
    return difference(first.outputs(), first.others())


def add_repetitions(finding: Finding, capture: Capture) -> Finding:
    """Add how often the repeated op differed, and whether the determinism flag made it stable."""
    if finding.cause is not Cause.KERNEL:
        return finding
    by_way = {tried.way: tried for tried in capture.repeated}
    made = {way: tried for way, tried in by_way.items() if tried.made}
    evidence = finding.evidence
    # Under contention a race shows more often, so that rate says more than the plain one.
    shown = made.get(ReplayWay.CONTENTION)
    if shown is None:
        shown = made.get(ReplayWay.PLAIN)
    if shown is not None:
        low, high = find_interval(0.95, shown.differing, shown.made)
        replays = Replays(
            made=shown.made,
            differing=shown.differing,
            rate_at_least=round(low, 4),
            rate_at_most=round(high, 4),
            contention=shown.way is ReplayWay.CONTENTION,
        )
        evidence = replace(evidence, replays=replays)
    under_flag = by_way.get(ReplayWay.FLAG)
    if under_flag is not None:
        is_stable = under_flag.made > 0 and not under_flag.differing
        evidence = replace(evidence, switched=is_stable)
    return replace(finding, evidence=evidence)
