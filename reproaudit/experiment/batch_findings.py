"""The findings of a question about batches, each told once, and the outcomes that refer to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reproaudit.config.portions import Portions
from reproaudit.experiment.varied_outcomes import Varied
from reproaudit.knowledge.variations_batch import BATCH, SPLIT
from reproaudit.model.events import Location
from reproaudit.model.question import Dependence, VariationOutcome
from reproaudit.model.result import Finding


class BatchFindings:
    """Gathers findings. `base_of` returns the portions that a value of a variation is compared
    with."""

    def __init__(self, base_of: Callable[[Varied], Portions]) -> None:
        self._base_of = base_of
        self._found: list[Finding] = []

    @property
    def all(self) -> tuple[Finding, ...]:
        """Those of all variations."""
        return tuple(self._found)

    def add(
        self,
        outcome: VariationOutcome,
        varied: Varied,
        finding: Finding,
        *,
        dependence: Dependence,
        why: str,
        reference: str = "",
    ) -> VariationOutcome:
        """Add a finding, and return the outcome with it."""
        wanted = varied.wanted
        base = self._base_of(varied)
        against = "as it is"
        if wanted.name == BATCH:
            against = str(base.size)
        elif wanted.name == SPLIT:
            against = str(base.parts)
        finding = replace(
            finding,
            variation=f"{wanted.setting} against {against}",
            difference=outcome.difference,
        )
        places = [_identify(one) for one in self._found]
        if _identify(finding) in places:
            at = places.index(_identify(finding))  # another size, the same operator
        else:
            at = len(places)
            self._found.append(finding)
        return replace(outcome, dependence=dependence, finding=at, why=why, reference=reference)


def _identify(finding: Finding) -> tuple[str, str | None, Location | None]:
    return finding.rule, finding.op, finding.location
