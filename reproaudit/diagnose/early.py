"""What a diagnosis tells before its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from reproaudit.diagnose.shares import unite_findings
from reproaudit.diagnose.sources import Explanation
from reproaudit.model.early import CausesKnown, SourceSeen, Tell, TrialMade
from reproaudit.model.result import Finding, Trial

Attempt = Callable[[tuple[str, ...]], Trial]


class EarlyDiagnosis:
    """Tells what is certain by now. `end_step` is the step after the last one that was audited."""

    def __init__(self, tell: Tell, end_step: int) -> None:
        self._tell = tell
        self._end_step = end_step

    def tell_source(self, explanations: Sequence[Explanation]) -> None:
        """Tell where the first of the sources lies, if there is one."""
        for first in explanations[:1]:
            self._tell(SourceSeen(first.finding, first.arrival, self._end_step))

    def tell_trials(self, attempt: Attempt) -> Attempt:
        """Return an `attempt` that also tells what came of each trial."""

        def attempt_and_tell(names: tuple[str, ...]) -> Trial:
            trial = attempt(names)
            self._tell(TrialMade(trial))
            return trial

        return attempt_and_tell

    def tell_causes(self, findings: Iterable[Finding]) -> None:
        """Tell the causes, once what repairs the program is divided between them."""
        self._tell(CausesKnown(unite_findings(tuple(findings))))
