"""Searching for a sufficient set of interventions, and shrinking it as far as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from reproaudit.model.result import Trial

Names = tuple[str, ...]


class Search:
    """Tries sets of interventions by running the program; each set once. `trials` holds all that
    was tried, in order.

    `attempt` makes the runs for a set. It may raise to end the search: what was tried until then
    stays.
    """

    def __init__(self, attempt: Callable[[Names], Trial]) -> None:
        self._attempt = attempt
        self._known: dict[frozenset[str], Trial] = {}

    @property
    def trials(self) -> tuple[Trial, ...]:
        return tuple(self._known.values())

    def find_trial(self, names: Iterable[str]) -> Trial:
        """Return the trial of these interventions, which were tried. Raises KeyError otherwise."""
        return self._known[frozenset(names)]

    def is_enough(self, names: Iterable[str]) -> bool:
        """Tell whether runs with these interventions are equal."""
        wanted = tuple(dict.fromkeys(names))
        key = frozenset(wanted)
        if key not in self._known:
            self._known[key] = self._attempt(wanted)
        return self._known[key].is_equal

    def find_first_enough(self, sets: Iterable[Names]) -> Names | None:
        """Return the first of the sets that is enough; None if none is."""
        return next((names for names in sets if names and self.is_enough(names)), None)

    def shrink(self, names: Sequence[str]) -> Names:
        """Return a smallest sufficient part of `names`, which are enough: leaving out any one of it
        is not.

        Zeller's ddmin (Zeller and Hildebrandt 2002, "Simplifying and Isolating Failure-Inducing
        Input"): complements and parts of halves, then of quarters, until single interventions are
        tried. Nobody needs to be told that nothing at all is not enough: that is why there is a
        search.
        """
        kept = list(names)
        parts = 2
        while len(kept) > 1:
            chunks = _divide(kept, parts)
            if parts == 2:
                chunk = self.find_first_enough(map(tuple, chunks))
                if chunk is not None:
                    kept = list(chunk)
                    continue
            rests = [[name for name in kept if name not in chunk] for chunk in chunks]
            rest = self.find_first_enough(map(tuple, rests))
            if rest is not None:
                kept = list(rest)
                parts = max(parts - 1, 2)
            elif parts < len(kept):
                parts = min(len(kept), parts * 2)
            else:
                break
        return tuple(kept)


def _divide(names: Sequence[str], parts: int) -> list[Sequence[str]]:
    """Return `parts` stretches of the names, of nearly the same length."""
    ends = [len(names) * number // parts for number in range(parts + 1)]
    return [names[start:end] for start, end in pairwise(ends)]
