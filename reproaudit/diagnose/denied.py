"""How many runs it takes to believe a repair that the documentation denies.

The usual number comes from how rarely the plain program agrees with itself. That says little of
one kernel among several causes. What was seen of the kernel itself, repeated on its own inputs,
says how easily runs are equal by chance although it still differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.diagnose.flag_runs import FlagRuns
from reproaudit.diagnose.pinning import FoundSource, Pinning
from reproaudit.diagnose.plain_runs import PlainRuns
from reproaudit.knowledge.documented_repairs import Denial, find_denial
from reproaudit.model.cause import Cause
from reproaudit.model.confidence import count_runs_to_notice
from reproaudit.model.result import Finding, Replays

# Past these nobody waits for a proof: another repair is looked for.
_MOST_RUNS = 20


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why equal runs with an intervention may be chance. So many `runs` are none; None: no number
    of runs that are worth their time is enough.
    """

    op: str
    denial: Denial
    runs: int | None
    replays: Replays | None

    @property
    def why(self) -> str:
        """The reason why equal runs prove nothing, as a clause."""
        replays = self.replays
        if replays is None:
            seen = "how often it differs when it is repeated is not known"
        elif replays.contention:
            seen = "repeated calls differ only beside competing work"
        else:
            seen = f"{replays.differing} of {replays.made} repeated calls differ"
        return (
            f"{self.denial.why} ({self.denial.reference}), and {seen}: "
            "so few runs may well be equal by chance"
        )


class Doubts:
    """Says which sets of interventions the documentation denies, for kernels that were seen to
    differ on a GPU. `torch` is the version that the program runs with.
    """

    def __init__(
        self, pinning: Pinning, flag: FlagRuns, plain: PlainRuns, *, cuda: bool, torch: str
    ) -> None:
        self._pinning = pinning
        self._flag = flag
        self._plain = plain
        self._cuda = cuda
        self._torch = torch

    def find(self, names: Sequence[str]) -> Doubt | None:
        """Return the strongest doubt about the interventions as a whole; None without any."""
        if not self._cuda:
            return None
        doubts = [self._find_for_source(one, names) for one in self._pinning.known]
        strongest: Doubt | None = None
        for doubt in doubts:
            if doubt is not None and (strongest is None or _needs_more(doubt, strongest)):
                strongest = doubt
        return strongest

    def _find_for_source(self, known: FoundSource, names: Sequence[str]) -> Doubt | None:
        """Return a doubt if each intervention that could repair this kernel is denied."""
        finding = known.explained.finding
        if finding.cause is not Cause.KERNEL or finding.op is None:
            return None
        denials: list[Denial] = []
        for name in names:
            if name not in known.choices:
                continue
            denial = self._deny(finding, name)
            if denial is None:
                return None
            denials.append(denial)
        if not denials:
            return None
        runs = self._count_runs(finding)
        return Doubt(finding.op, denials[0], runs, finding.evidence.replays)

    def _deny(self, finding: Finding, name: str) -> Denial | None:
        return find_denial(
            finding.op,
            name,
            flag=self._flag.use.mode,
            is_refused=finding.evidence.declared,
            torch=self._torch,
        )

    def _count_runs(self, finding: Finding) -> int | None:
        """Return how many equal runs would be no chance if the kernel still differed as it does.

        A run makes the call at least once. How often the plain program differs says the same only
        where this kernel alone makes it differ.
        """
        replays = finding.evidence.replays
        rate = 0.0
        if replays is not None and not replays.contention:
            rate = replays.rate_at_least
        if len(self._pinning.known) == 1:
            rate = max(rate, self._plain.bound_rate())
        runs = count_runs_to_notice(rate)
        return None if runs is None or runs > _MOST_RUNS else runs


def _needs_more(one: Doubt, other: Doubt) -> bool:
    if one.runs is None or other.runs is None:
        return one.runs is None and other.runs is not None
    return one.runs > other.runs
