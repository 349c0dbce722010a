"""Searching for a sufficient set of interventions, and shrinking it as far as it goes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from reproaudit.model.result import Trial

Names = tuple[str, ...]


class PlainRunsAgree(Exception):
    """The program as it is no longer differs: with or without a change, runs would be equal."""


class Search:
    """Tries sets of interventions by running the program, each set once.

    `attempt` makes the runs for a set. It may raise to end the search: what was tried until then
    stays. `smallest` is the smallest set that was proven so far, None before the first.
    """

    def __init__(self, attempt: Callable[[Names], Trial]) -> None:
        self._attempt = attempt
        # By the set: the order of interventions makes no difference to a run.
        self._known: dict[frozenset[str], Trial] = {}
        self.smallest: Names | None = None
        self._names: Names = ()  # that are shrunk, and what of them needs no trial
        self._needed: frozenset[str] = frozenset()

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All that was tried, in order."""
        return tuple(self._known.values())

    def find_trial(self, names: Iterable[str]) -> Trial:
        """Return the trial of these interventions, which were tried. Raises KeyError otherwise."""
        key = frozenset(names)
        return self._known[key]

    def find_proof(self, part: Iterable[str], whole: Iterable[str]) -> Trial:
        """Return the trial that proves `part`: its own, else that of the proven `whole`."""
        alone = self._known.get(frozenset(part))
        if alone is not None and alone.is_proof:
            return alone
        return self.find_trial(whole)

    def add(self, trial: Trial) -> None:
        """Take up a trial, that of a set which was not tried before."""
        self._known[frozenset(trial.settings)] = trial
        if not trial.is_proof:
            return
        if self.smallest is None or len(trial.settings) < len(self.smallest):
            self.smallest = trial.settings

    def is_enough(self, names: Iterable[str]) -> bool:
        """Return True if runs with these interventions are equal, and plain ones are not.

        Raises PlainRunsAgree once plain runs are equal too.
        """
        wanted = tuple(dict.fromkeys(names))
        trial = self._known.get(frozenset(wanted))
        if trial is None:
            trial = self._attempt(wanted)
            self.add(trial)
        if trial.plain_differ is False:
            raise PlainRunsAgree
        return trial.is_proof

    def find_first_enough(self, sets: Iterable[Names]) -> Names | None:
        """Return the first of the sets that is enough; None if none is."""
        for names in sets:
            # An empty set is the plain program, which is known to differ.
            if not names:
                continue
            if self.is_enough(names):
                return names
        return None

    def shrink(self, names: Sequence[str], needed: Collection[str] = ()) -> Names:
        """Return a smallest sufficient part of `names`, which are enough.

        Leaving out any one of the part is not enough, or it is one of the `needed`. The search is
        Zeller's ddmin (Zeller and Hildebrandt 2002, "Simplifying and Isolating Failure-Inducing
        Input"): complements and parts of halves, then of quarters, until single interventions are
        tried.
        """
        self._names = tuple(names)
        self._needed = frozenset(needed)
        kept = tuple(name for name in names if name not in self._needed)
        parts = 2
        while len(kept) > 1:
            chunks = _divide(kept, parts)
            if parts == 2:
                # Of two halves each is the other's complement, so both are tried here. Parts of
                # more are not: where a half was not enough, a quarter hardly is.
                chunk = self._find_first_part(chunks)
                if chunk is not None:
                    kept = chunk
                    continue
            rests = [_leave_out(kept, chunk) for chunk in chunks]
            rest = self._find_first_part(rests)
            if rest is not None:
                kept = rest
                # One part is gone; the others keep their size.
                parts = max(parts - 1, 2)
            elif parts < len(kept):
                parts = min(len(kept), parts * 2)
            else:
                break
        if len(kept) == 1 and self._needed and self.is_enough(self._join(())):
            kept = ()
        return self._join(kept)

    def _find_first_part(self, parts: Sequence[Names]) -> Names | None:
        """Return the first of the parts that is enough with what is needed; None if none is."""
        for part in parts:
            if self.is_enough(self._join(part)):
                return part
        return None

    def _join(self, part: Names) -> Names:
        """Return the part and what is needed, in their first order."""
        return tuple(name for name in self._names if name in part or name in self._needed)


def _divide(names: Names, parts: int) -> list[Names]:
    """Return `parts` stretches of the names, of nearly the same length."""
    chunks: list[Names] = []
    start = 0
    for number in range(1, parts + 1):
        end = len(names) * number // parts
        chunks.append(names[start:end])
        start = end
    return chunks


def _leave_out(names: Names, chunk: Names) -> Names:
    return tuple(name for name in names if name not in chunk)
