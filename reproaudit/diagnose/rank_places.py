"""In which ranks a difference between runs is born: one place in the program, seen in several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.comparison.entropy import EntropyCall
from reproaudit.comparison.localise import Origin, Source
from reproaudit.model.events import Location
from reproaudit.model.result import Finding
from reproaudit.trace.runs import Run, find_home

_Place = tuple[Origin, str, Location]


class RanksOfPlaces:
    """The ranks in which the sources of a pair of runs lie, by their ops and lines."""

    def __init__(
        self, sources: Sequence[Source], pair: tuple[Run, Run], calls: Sequence[EntropyCall]
    ) -> None:
        self._pair = pair
        self._calls = calls
        self._ranks: dict[_Place, set[int]] = {}
        for source in sources:
            process = pair[0].trace_of(source.process).process
            if process.is_rank:
                ranks = self._ranks.setdefault(self._read_place(source), set())
                ranks.add(process.rank)

    def add_ranks(self, finding: Finding, source: Source, call: EntropyCall | None) -> Finding:
        """Return the finding with the ranks in which its source was seen.

        Where the `call` to blame was made by another rank, those in which it was made.
        """
        ranks = self._ranks.get(self._read_place(source), set())
        if call is not None and find_home(call.process) != find_home(source.process):
            ranks = self._list_callers(call)
        return replace(finding, ranks=tuple(sorted(ranks)), world=self._pair[0].world)

    def _list_callers(self, call: EntropyCall) -> set[int]:
        ranks = set()
        for other in self._calls:
            process = self._pair[0].trace_of(find_home(other.process)).process
            is_same = other.name == call.name and self._locate(other) == self._locate(call)
            if is_same and process.is_rank:
                ranks.add(process.rank)
        return ranks

    def _locate(self, call: EntropyCall) -> Location:
        return self._pair[0].trace_of(call.process).locations[call.location]

    def _read_place(self, source: Source) -> _Place:
        run, number = self._pair[0], source.event_a
        if number is None:
            run, number = self._pair[1], source.event_b
        assert number is not None
        event = run.trace_of(source.process).event(number)
        return source.origin, event.name, event.location
