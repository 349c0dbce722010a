"""The runs of the program as it is: how alike they are, how long they take, and that they differ.

Those that decided the verdict and those that recorded operators were made anyway; others are made
in between only where these do not say enough.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from reproaudit.comparison.beginnings import begin_differently, count_alike
from reproaudit.comparison.files import carried_files
from reproaudit.comparison.interning import Interned
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.model.confidence import count_trial_runs, find_interval
from reproaudit.model.events import Level
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

_TIMED_RUNS = 3  # at most, where no run that decided can be compared in time
_LEAST_TIMED_S = 0.2  # ratios of shorter runs, as of repetitions of milliseconds, are noise


class PlainRuns:
    """What is known of the program as it is. `made` are the runs made in between, in order.

    `deciding` are the runs that differed, and `class_sizes` says how many of them are alike.
    """

    def __init__(
        self,
        lab: RunMaker,
        deciding: Sequence[Run],
        class_sizes: Sequence[int],
        *,
        interned: Interned,
    ) -> None:
        self.made: list[Run] = []
        self._sizes = tuple(class_sizes)
        self.wanted = count_trial_runs(class_sizes)
        self._lab = lab
        self._interned = interned
        self._deciding = tuple(deciding)
        self._pair: RunPair | None = None
        self._times: list[float] = []
        # Recording operators takes longer.
        if deciding and all(run.main.level is Level.BOUNDARY for run in deciding):
            names = [f"run-{number}" for number in range(len(deciding))]
            self._times += [lab.seconds[name] for name in names if name in lab.seconds]
        self._is_timed = bool(self._times)

    def add_pair(self, pair: RunPair) -> None:
        """Take up two recorded runs of the program as it is, which differ.

        They tell how rarely runs agree, as those that decided do. Recording can only hide that
        they differ, never make it.
        """
        self._pair = pair
        if self._deciding:
            self._sizes = tuple(count_alike([*self._deciding, *pair.runs], self._interned))
            self.wanted = count_trial_runs(self._sizes)

    def bound_rate(self) -> float:
        """Return the rate at which a run of the plain program differs from its most common result,
        at least, at 95 % confidence.
        """
        others = sum(self._sizes) - 1
        if others < 1:
            return 0.0
        differing = sum(self._sizes) - max(self._sizes)
        low, _ = find_interval(0.95, differing, others)
        return low

    def still_differ(self, changed: Run) -> bool:
        """Return True if it needs no further run to say that the program as it is still differs.

        Two recorded runs did, just before the trial that `changed` is of. They prove nothing where
        an earlier run leaves something for later ones, or where the change gives what the program
        gave as it is: it may then have come to give this always.
        """
        if self._pair is None or carried_files(self._pair.runs):
            return False
        seen = (*self._deciding, *self._pair.runs, *self.made)
        return all(begin_differently(run, changed, self._interned) for run in seen)

    def make(self) -> Run:
        """Run the program as it is once more."""
        number = len(self.made)
        request = RunRequest(
            name=f"plain-{number}",
            index=number,
            what="running the program as it is in between",
            values_mb=0,
        )
        run = self._lab.run(request)
        self.made.append(run)
        return run

    def time(self) -> None:
        """Time the program as it is, the first few times, where no run that decided says it.

        It is done between the runs with interventions, not before them: only run times of the same
        minutes are comparable on a machine that others use too.
        """
        if self._is_timed or len(self._times) >= _TIMED_RUNS:
            return
        name = f"plain-{len(self.made)}"
        self.make()
        self._times.append(self._lab.seconds[name])

    def measure_slowdown(self, changed_s: Sequence[float]) -> float | None:
        """Return the median time of changed runs over that of plain ones.

        None without both, or where runs are too short to tell.
        """
        if not self._times or not changed_s:
            return None
        plain_s = statistics.median(self._times)
        if plain_s < _LEAST_TIMED_S:
            return None
        return round(statistics.median(changed_s) / plain_s, 3)

    def measure_spread(self) -> float | None:
        """Return the longest plain run time over the shortest; None where none was timed."""
        if not self._times or not min(self._times):
            return None
        return round(max(self._times) / min(self._times), 3)
