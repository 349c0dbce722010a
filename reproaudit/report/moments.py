"""Owns the words for when in a run a difference was born."""

from __future__ import annotations

from reproaudit.model.events import Phase
from reproaudit.model.result import Finding
from reproaudit.report.wording import name_phase

PASSES = {
    Phase.INITIALISATION: "the initialisation",
    Phase.DATA: "the data",
    Phase.FORWARD: "the forward pass",
    Phase.BACKWARD: "the backward pass",
    Phase.OPTIMIZER: "the optimizer",
}
_MOMENTS = {
    Phase.INITIALISATION: "initialisation, before step {}",
    Phase.DATA: "data of step {}",
    Phase.FORWARD: "forward pass of step {}",
    Phase.BACKWARD: "backward pass of step {}",
    Phase.OPTIMIZER: "optimizer update of step {}",
}


def name_moment(phase: Phase, step: int) -> str:
    """Return when something happened, such as `backward pass of step 0`."""
    return _MOMENTS[phase].format(step)


def name_when(finding: Finding) -> str:
    """Return when a finding's difference was born, and in which ranks if there are several."""
    moment = name_moment(finding.phase, finding.step)
    if finding.prepares_update:
        moment = f"after the backward pass of step {finding.step}"
    if not finding.ranks:
        return moment
    if len(finding.ranks) == finding.world:
        return f"{moment}, on all {finding.world} ranks"
    *most, last = map(str, finding.ranks)
    if not most:
        return f"{moment}, on rank {last} only"
    return f"{moment}, on ranks {', '.join(most)} and {last} of {finding.world}"


def name_part(finding: Finding) -> str:
    """Return the phase of a finding, or `after backward` of what comes before an update."""
    return "after backward" if finding.prepares_update else name_phase(finding.phase)


def name_pass(finding: Finding) -> str:
    """Return `in the forward pass`, `in the data` and so on, or `after the backward pass`."""
    if finding.prepares_update:
        return "after the backward pass"
    return f"in {PASSES[finding.phase]}"
