"""The determinism flag as a program bears it: strict where nothing raises, for that does the most.

A flag that only warns enforces nothing for fused attention on a GPU. So it raises, if it is known
that no operator of the program is refused. Where some are, the strict flag is lifted for them
alone; on the CPU, where both flags take the same kernels, it warns. If an operator raises against
expectation, that is the way from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from reproaudit.config.settings import Settings, merge
from reproaudit.config.subject import SubjectSpec
from reproaudit.knowledge.interventions import FLAG, INTERVENTIONS
from reproaudit.knowledge.traits import Part
from reproaudit.model.flag_use import FlagMode, FlagUse
from reproaudit.model.result import Alert
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

_SETTINGS = {
    FlagMode.STRICT: Settings(deterministic="error"),
    FlagMode.UNLESS_REFUSED: Settings(deterministic="unless-refused"),
    FlagMode.WARN: Settings(deterministic="warn"),
}
# What torch says where an operator is refused, whatever else it says.
REFUSAL = "use_deterministic_algorithms"


class FlagRuns:
    """Makes runs as `lab` does; of those with the flag it chooses how it is on.

    `find_alerts` returns the operators that the flag refuses, None if it is not known. It is asked
    when the first run with the flag is made: by then the program was seen.
    """

    def __init__(
        self, lab: RunMaker, find_alerts: Callable[[], tuple[Alert, ...] | None], *, cuda: bool
    ) -> None:
        self._lab = lab
        self._find_alerts = find_alerts
        self._cuda = cuda
        self._use: FlagUse | None = None

    @property
    def use(self) -> FlagUse:
        """How the flag is on in the runs that have it."""
        if self._use is None:
            self._use = self._choose()
        return self._use

    def _choose(self) -> FlagUse:
        alerts = self._find_alerts()
        if alerts is None:
            return FlagUse(FlagMode.UNLESS_REFUSED)
        refused = tuple(sorted({alert.op for alert in alerts}))
        if not refused:
            return FlagUse(FlagMode.STRICT, ())
        mode = FlagMode.UNLESS_REFUSED if self._cuda else FlagMode.WARN
        return FlagUse(mode, refused)

    def fall_back(self, names: Sequence[str], fault: str) -> bool:
        """Have the flag refuse less if a run ended because of it; return True if it now does.

        The run was made with `names`, and `fault` is how it ended. If the flag was all that was
        changed it is to blame whatever is said: a worker that it ended leaves another message.
        Lifting the flag for an operator is not enough where that is called in a compiled region.
        """
        if not sets_flag(names) or self.use.mode is FlagMode.WARN:
            return False
        if REFUSAL not in fault and tuple(names) != (FLAG,):
            return False
        weaker = FlagMode.WARN
        if self._cuda and self.use.mode is FlagMode.STRICT:
            weaker = FlagMode.UNLESS_REFUSED
        self._use = FlagUse(weaker, self.use.refused or None)
        return True

    # As all that makes runs

    @property
    def subject(self) -> SubjectSpec:
        return self._lab.subject

    @property
    def folder(self) -> Path:
        return self._lab.folder

    @property
    def steps(self) -> int | None:
        return self._lab.steps

    @property
    def runs_made(self) -> int:
        return self._lab.runs_made

    @property
    def seconds(self) -> dict[str, float]:
        return self._lab.seconds

    def start_budget(self) -> None:
        self._lab.start_budget()

    def can_try(self, name: str) -> bool:
        return self._lab.can_try(name)

    def can_patch(self, paths: Sequence[str] = ()) -> bool:
        return self._lab.can_patch(paths)

    def run(self, request: RunRequest) -> Run:
        return self._lab.run(self._with_flag(request))

    def _with_flag(self, request: RunRequest) -> RunRequest:
        following = request.following
        if following is not None:
            request = replace(request, following=self._with_flag(following))
        if not sets_flag(request.interventions):
            return request
        settings = merge(_SETTINGS[self.use.mode], request.settings)
        return replace(request, settings=settings)


def sets_flag(names: Sequence[str]) -> bool:
    """Return True if the flag is on with these interventions, and none of them sets it otherwise.

    What is computed on the CPU where the flag refuses it asks the strict flag about each operator.
    """
    moves = any(INTERVENTIONS[name].acts_on is Part.DEVICE for name in names)
    return FLAG in names and not moves
