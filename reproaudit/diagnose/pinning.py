"""All sources, not only the first: known ones are pinned to a reference run, and what still differs
is new."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from reproaudit.compare.localise import Origin
from reproaudit.compare.replays import Capture, capture_of, difference
from reproaudit.config.plan import Pin
from reproaudit.diagnose.candidates import find_candidates
from reproaudit.diagnose.locate import Locator, RunPair, make_pin, make_target, places
from reproaudit.diagnose.sources import Explanation, add_replay_evidence
from reproaudit.knowledge.interventions import (
    FILL_VARIABLE,
    OTHER_FILL,
    ZERO_FILL,
    answering,
)
from reproaudit.knowledge.traits import Clue
from reproaudit.model.confidence import interval
from reproaudit.model.events import EventFlag, Level, NotChecked, Unchecked
from reproaudit.model.result import Cause, Finding, Replays
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run
from reproaudit.trace.words import CALL_FOLDER_PREFIX, ReplayWay

_MOST_ROUNDS = 16
_KEPT_MB = 512  # of pinned outputs per reference run
_PINNED_RUNS = 2  # that must equal the reference before the list counts as complete
_PINNABLE = (Origin.OP, Origin.UNDEFINED)


@dataclass(slots=True)
class FoundSource:
    """A source that was found: what it is, the pair that showed it, and what silences it in further
    runs."""

    explained: Explanation
    pair: RunPair
    pin: Pin | None
    choices: tuple[str, ...]  # interventions, the likeliest first; used where there is no pin
    chosen: int = 0
    captured: bool = False
    call: Path | None = None  # where the call is kept with its inputs, for a reproducer

    @property
    def held(self) -> tuple[str, ...]:
        return () if self.pin is not None else self.choices[self.chosen : self.chosen + 1]


@dataclass(slots=True)
class Pinning:
    """Looks for further sources; `known` grows. `is_complete` once runs with all known ones pinned
    were equal."""

    lab: RunMaker
    locator: Locator
    cuda: bool
    known: list[FoundSource] = field(default_factory=list)
    is_complete: bool | None = None
    notes: list[NotChecked] = field(default_factory=list)

    def add(self, found: tuple[Explanation, ...], pair: RunPair) -> int:
        """Add the findings that are new; return how many there were."""
        seen = {self._place(known.explained, known.pair) for known in self.known}
        new = 0
        for explained in found:
            place = self._place(explained, pair)
            if place not in seen:
                seen.add(place)
                new += 1
                pin = (
                    make_pin(pair, explained.source)
                    if explained.source.origin in _PINNABLE
                    else None
                )
                self.known.append(FoundSource(explained, pair, pin, self._choices(explained, pair)))
        return new

    def complete(self) -> None:
        """Pin what is known, look on, and repeat, until pinned runs are equal or nothing more can
        be silenced."""
        for number in range(_MOST_ROUNDS):
            pair = self._round(number)
            if pair is None:
                self.is_complete = True
                return
            if not self.add(self.locator.explain(pair), pair) and not self._next_choice(pair):
                break
        self.is_complete = False

    def _round(self, number: int) -> RunPair | None:
        """Make a reference run and pinned runs; return the first pair that still differs."""
        pins = tuple(dict.fromkeys(known.pin for known in self.known if known.pin is not None))
        held = tuple(dict.fromkeys(name for known in self.known for name in known.held))
        wanted = [
            (known, target)
            for known in self.known
            if known.pin is not None
            and known.explained.source.origin is Origin.OP
            and not known.captured
            and (target := make_target(known.pair.a, known.explained.source)) is not None
        ]
        targets = tuple(target for _, target in wanted)
        filled = self._reads_undefined()
        held = (*held, *answering(Clue.UNDEFINED_READ)) if filled else held
        fills = [((FILL_VARIABLE, fill),) if filled else () for fill in (ZERO_FILL, OTHER_FILL)]
        request = RunRequest(
            name=f"reference-{number}",
            index=0,
            what=f"keeping what {len(self.known)} known sources give",
            interventions=held,
            variables=fills[0],
            level=Level.VALUES,
            pins=pins,
            targets=targets,
            values_mb=_KEPT_MB,
        )
        reference = self.lab.run(request)
        for index, (known, _) in enumerate(wanted):
            folder = self.lab.folder / f"reference-{number}" / f"{CALL_FOLDER_PREFIX}{index}"
            known.call = folder if folder.is_dir() else None
        for again in range(_PINNED_RUNS):
            request = RunRequest(
                name=f"pinned-{number}-{again}",
                index=again + 1,
                what=f"looking for more sources, run {again + 1}",
                interventions=held,
                variables=fills[1],
                level=Level.VALUES if targets else Level.OPERATION,
                pins=pins,
                targets=targets,
                reference=str(self.lab.folder / f"reference-{number}"),
            )
            pinned = self.lab.run(request)
            if not again:
                self._learn(reference, pinned)
            if pair := self.locator.compare(reference, pinned):
                return pair
        return None

    def _reads_undefined(self) -> bool:
        """Tell whether an op was seen to read memory that nothing had written.

        Its content may be alike in two runs by chance. It is then filled, with one pattern in the
        reference run and with another in the pinned ones, so that it differs for certain.
        """
        return any(
            (known.pair.a.main.events["flags"] & EventFlag.READS_UNDEFINED).any()
            for known in self.known
        )

    def _learn(self, reference: Run, pinned: Run) -> None:
        """Take over what the kept values show of each source that is new in this round."""
        for known in self.known:
            if (
                known.pin is None
                or known.captured
                or known.explained.source.origin is not Origin.OP
            ):
                continue
            known.captured = True
            where = (
                known.explained.source.process,
                known.pin.name,
                (known.pin.location_path, known.pin.location_line),
            )
            first, second = capture_of(reference, *where), capture_of(pinned, *where)
            if first is None:
                self.notes.append(
                    NotChecked(
                        Unchecked.VALUES_NOT_KEPT,
                        f"values of {known.pin.name}",
                        "they were past the budget or not reached",
                    )
                )
                continue
            finding = _with_repetitions(
                add_replay_evidence(known.explained.finding, first.flags), first
            )
            own = difference(first.outputs(), second.outputs()) if second is not None else None
            found = own or difference(first.outputs(), first.others())
            known.explained = replace(known.explained, finding=replace(finding, difference=found))
            known.choices = self._choices(known.explained, known.pair)

    def _choices(self, explained: Explanation, pair: RunPair) -> tuple[str, ...]:
        """Return what to try; without what cannot be tried here, unless nothing else is left: then
        that is said."""
        named = find_candidates(explained, pair.runs, cuda=self.cuda)
        return tuple(filter(self.lab.can_try, named)) or named

    def _next_choice(self, pair: RunPair) -> bool:
        """The pair's first source is an old one: what was to silence it does not. Take its next
        intervention."""
        place = next(places(pair.localisation.sources[:1], pair))
        for known in self.known:
            if self._place(known.explained, known.pair) == place and known.chosen + 1 < len(
                known.choices
            ):
                known.chosen += 1
                return True
        return False

    @staticmethod
    def _place(explained: Explanation, pair: RunPair) -> tuple[str, str, str, int]:
        return next(places((explained.source,), pair))


def _with_repetitions(finding: Finding, capture: Capture) -> Finding:
    """Add how often the repeated op differed, and whether the determinism flag made it stable."""
    if finding.cause is not Cause.KERNEL:
        return finding
    by_way = {tried.way: tried for tried in capture.repeated if tried.made}
    shown = by_way.get(ReplayWay.CONTENTION, by_way.get(ReplayWay.PLAIN))
    evidence = finding.evidence
    if shown is not None:
        low, high = interval(0.95, shown.differing, shown.made)
        rate = Replays(
            shown.made,
            shown.differing,
            round(low, 4),
            round(high, 4),
            shown.way is ReplayWay.CONTENTION,
        )
        evidence = replace(evidence, replays=rate)
    asked = next((tried for tried in capture.repeated if tried.way == ReplayWay.FLAG), None)
    if asked is not None:
        evidence = replace(evidence, switched=asked.made > 0 and not asked.differing)
    return replace(finding, evidence=evidence)
