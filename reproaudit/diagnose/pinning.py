"""All sources, not only the first: known ones are pinned, and what still differs is new.

A pinned op is given, in later runs, the outputs that it had in a reference run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reproaudit.comparison.localise import Origin
from reproaudit.comparison.replays import capture_of
from reproaudit.config.plan import Pin, Target
from reproaudit.diagnose.bystanders import (
    follow_repaired_seed,
    list_tried_in_vain,
    withdraw_refuted,
    withdraw_unrepaired,
)
from reproaudit.diagnose.candidates import find_candidates
from reproaudit.diagnose.locate import Locator
from reproaudit.diagnose.repetitions import add_repetitions, find_difference
from reproaudit.diagnose.source_calls import RunPair, SourcePlace, make_pin, make_target, read_place
from reproaudit.diagnose.sources import Explanation, add_replay_evidence
from reproaudit.diagnose.text_evidence import put_first
from reproaudit.knowledge.fills import FILL_VARIABLE, OTHER_FILL, ZERO_FILL
from reproaudit.knowledge.interventions import INTERVENTIONS, list_for_clue
from reproaudit.knowledge.traits import Clue
from reproaudit.model.events import EventFlag, Level, NotChecked, OutcomeKind, Unchecked
from reproaudit.model.result import Trial
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run
from reproaudit.trace.words import CALL_FOLDER_PREFIX, is_message

_MOST_ROUNDS = 16
_KEPT_MB = 512  # of pinned outputs per reference run
_PINNED_RUNS = 2  # that must equal the reference before the list counts as complete
_PINNABLE = (Origin.OP, Origin.UNDEFINED)


@dataclass(slots=True)
class FoundSource:
    """A source that was found, the pair that showed it, and what silences it in further runs.

    `choices` are interventions, the likeliest first; where there is no pin, the one numbered
    `chosen` silences the source. `refuted` are those under which it differed all the same. `call`
    is the folder where the call is kept with its inputs, for a reproducer. `is_alone`: the pair
    shows no other source, and its runs end up different.
    """

    explained: Explanation
    pair: RunPair
    pin: Pin | None
    choices: tuple[str, ...]
    chosen: int = 0
    refuted: tuple[str, ...] = ()
    is_captured: bool = False
    is_alone: bool = False
    call: Path | None = None

    @property
    def held(self) -> tuple[str, ...]:
        """What further runs are made under to silence the source, besides its pin."""
        if self.pin is not None:
            return ()
        # A slice: empty where there is no choice at all.
        return self.choices[self.chosen : self.chosen + 1]

    @property
    def awaits_capture(self) -> bool:
        """True if the values of its call can be kept, and are not yet."""
        if self.pin is None or self.is_captured:
            return False
        # Only an op gives its values from equal inputs, so that repeating it says something.
        return self.explained.source.origin is Origin.OP

    @property
    def place(self) -> SourcePlace:
        return read_place(self.explained.source, self.pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """What the reference run and the pinned runs of one round have in common."""

    number: int
    pins: tuple[Pin, ...]
    held: tuple[str, ...]
    targets: tuple[Target, ...]
    fills_memory: bool
    runs: int
    steps: int | None

    @property
    def reference(self) -> str:
        return f"reference-{self.number}"

    def make_variables(self, fill: str) -> tuple[tuple[str, str], ...]:
        """Return the environment that has new memory filled with a byte, if it is to be filled."""
        if not self.fills_memory:
            return ()
        # Only torch's: what NumPy allocates cannot be pinned.
        return ((FILL_VARIABLE, fill),)


@dataclass(slots=True)
class Pinning:
    """Looks for further sources; `known` grows.

    `is_complete` is True once runs with all known sources silenced were equal, and None before
    `complete` was called. `is_brief`: that was seen in one run, near the step that first differed.
    """

    lab: RunMaker
    locator: Locator
    cuda: bool
    known: list[FoundSource] = field(default_factory=list)
    is_complete: bool | None = None
    is_brief: bool = False
    notes: list[NotChecked] = field(default_factory=list)
    _rounds: int = 0

    def add(self, found: tuple[Explanation, ...], pair: RunPair) -> int:
        """Add the findings that are new; return how many there were."""
        seen = {known.place for known in self.known}
        new = 0
        for explained in found:
            source = explained.source
            place = read_place(source, pair)
            if place in seen:
                continue
            seen.add(place)
            new += 1
            # A draw is not pinned: its generator would still be in another state, for later draws.
            # Neither is what came from outside, which is no op's output.
            pin: Pin | None = None
            if source.origin in _PINNABLE and not is_message(place.op):
                pin = make_pin(pair, source)
            choices = self._find_choices(explained, pair)
            is_alone = len(found) == 1
            self.known.append(FoundSource(explained, pair, pin, choices, is_alone=is_alone))
        return new

    def list_needed(self, fix: Sequence[str]) -> list[str]:
        """Return what of a fix is the only part of it that repairs some source, seen alone.

        Runs differed with all other known sources silenced: no trial need show that again.
        """
        needed: list[str] = []
        for known in self.known:
            parts = [name for name in fix if name in known.choices]
            if known.is_alone and len(parts) == 1:
                needed += parts
        return needed

    @property
    def awaits_capture(self) -> bool:
        """True if repeating the call of a known source may say more of it."""
        return any(known.awaits_capture for known in self.known)

    @property
    def has_pins(self) -> bool:
        """True if a known source can be silenced though no intervention is known to repair it."""
        return any(known.pin is not None for known in self.known)

    def complete(self, *, is_brief: bool = False) -> None:
        """Pin what is known, look on, and repeat.

        Ends when pinned runs are equal, or when nothing more can be silenced. A brief look is
        enough if a repair of just these sources is then proven over the whole length.
        """
        self.is_brief = is_brief
        self.is_complete = None
        for _ in range(_MOST_ROUNDS):
            pair = self._run_round(self._rounds)
            self._rounds += 1
            if pair is None:
                self.is_complete = True
                return
            explanations = self.locator.explain(pair)
            new = self.add(explanations, pair)
            if not new and not self._take_next_choice(pair):
                break
        self.is_complete = False

    def repeat_calls(self) -> None:
        """Have the calls of the known sources repeated in one run, where that says something."""
        if self.awaits_capture:
            _, reference = self._begin_round(0)
            self._learn(reference, None)

    def _run_round(self, number: int) -> RunPair | None:
        """Make a reference run and pinned runs; return the first pair that still differs."""
        this, reference = self._begin_round(number)
        for again in range(this.runs):
            pinned = self._run_with_pins(this, again)
            # Before comparing: what the values show holds whether the runs differ or not.
            if again == 0:
                self._learn(reference, pinned)
            pair = self.locator.compare(reference, pinned)
            if pair is not None:
                return pair
        return None

    def _begin_round(self, number: int) -> tuple[_Round, Run]:
        """Make the run of a round that keeps the calls of new sources, and repeats them."""
        targeted: list[FoundSource] = []
        targets: list[Target] = []
        for known in self.known:
            if not known.awaits_capture:
                continue
            target = make_target(known.pair.a, known.explained.source)
            if target is not None:
                targeted.append(known)
                targets.append(target)
        this = self._plan_round(number, targets)
        reference = self._run_reference(this)
        for index, known in enumerate(targeted):
            folder = self.lab.folder / this.reference / f"{CALL_FOLDER_PREFIX}{index}"
            known.call = folder if folder.is_dir() else None
        return this, reference

    def _plan_round(self, number: int, targets: Sequence[Target]) -> _Round:
        """Return what silences all known sources, and the calls whose values are to be kept."""
        pins: list[Pin] = []
        held: list[str] = []
        for known in self.known:
            if known.pin is not None:
                pins.append(known.pin)
            held += known.held
        fills_memory = self._reads_undefined()
        if fills_memory:
            held += list_for_clue(Clue.UNDEFINED_READ)
        return _Round(
            number=number,
            pins=tuple(dict.fromkeys(pins)),
            held=tuple(dict.fromkeys(held)),
            targets=tuple(targets),
            fills_memory=fills_memory,
            runs=1 if self.is_brief else _PINNED_RUNS,
            steps=self._find_last_step() if self.is_brief else None,
        )

    def _find_last_step(self) -> int | None:
        """Return the steps that the recorded runs made; None if one went to the program's end."""
        steps = 0
        for known in self.known:
            if known.pair.a.outcome.kind is not OutcomeKind.STOPPED:
                return None
            steps = max(steps, known.pair.a.steps)
        return steps

    def _run_reference(self, this: _Round) -> Run:
        sources = "source gives" if len(self.known) == 1 else "sources give"
        request = RunRequest(
            name=this.reference,
            index=0,
            what=f"keeping what {len(self.known)} known {sources}",
            interventions=this.held,
            variables=this.make_variables(ZERO_FILL),
            level=Level.VALUES,
            steps=this.steps,
            pins=this.pins,
            targets=this.targets,
            values_mb=_KEPT_MB,
        )
        return self.lab.run(request)

    def _run_with_pins(self, this: _Round, again: int) -> Run:
        reference = self.lab.folder / this.reference
        # Values cost memory and time, so they are kept only where some are asked for.
        level = Level.VALUES if this.targets else Level.OPERATION
        request = RunRequest(
            name=f"pinned-{this.number}-{again}",
            index=again + 1,
            what=f"looking for more sources, run {again + 1}",
            interventions=this.held,
            variables=this.make_variables(OTHER_FILL),
            level=level,
            steps=this.steps,
            pins=this.pins,
            targets=this.targets,
            reference=str(reference),
        )
        return self.lab.run(request)

    def _reads_undefined(self) -> bool:
        """Return True if an op was seen to read memory that nothing had written.

        Its content may be alike in two runs by chance. It is then filled, with one pattern in the
        reference run and with another in the pinned ones, so that it differs for certain.
        """
        for known in self.known:
            columns = known.pair.a.main.columns
            if columns.have(EventFlag.READS_UNDEFINED).any():
                return True
        return False

    def _learn(self, reference: Run, pinned: Run | None) -> None:
        """Take over what the kept values show of each source that is new in this round.

        Without a pinned run, only the repetitions of a call are compared with it.
        """
        for known in self.known:
            pin = known.pin
            if pin is None or not known.awaits_capture:
                continue
            known.is_captured = True
            process = known.explained.source.process
            line = (pin.location_path, pin.location_line, pin.location_cell)
            first = capture_of(reference, process, pin.name, line)
            second = capture_of(pinned, process, pin.name, line) if pinned is not None else None
            if first is None:
                note = NotChecked(
                    Unchecked.VALUES_NOT_KEPT,
                    f"values of {pin.name}",
                    "they were past the budget or not reached",
                )
                self.notes.append(note)
                continue
            finding = add_replay_evidence(known.explained, first.flags)
            finding = add_repetitions(finding, first)
            finding = replace(finding, difference=find_difference(first, second))
            known.explained = replace(known.explained, finding=finding)
            # The new evidence may name other interventions, or the same in another order.
            known.choices = self._find_choices(known.explained, known.pair)

    def _find_choices(self, explained: Explanation, pair: RunPair) -> tuple[str, ...]:
        """Return what to try.

        What cannot be tried here is left out, unless nothing else is left: then that is said.
        """
        named = find_candidates(explained, pair.runs, cuda=self.cuda)
        named = put_first(named, explained, pair.a, self.lab.subject)
        possible = tuple(name for name in named if self.lab.can_try(name))
        if not possible:
            return named
        return possible

    def _take_next_choice(self, pair: RunPair) -> bool:
        """Take the next intervention for the pair's first source, which is an old one.

        What was to silence it does not. Return False if there is no other.
        """
        first = pair.localisation.sources[0]
        place = read_place(first, pair)
        for known in self.known:
            if known.place != place:
                continue
            known.refuted += known.held
            if self._withdraw_refuted(known):
                return bool(known.held)
            if known.pin is not None:
                # Of calls in threads it is chance which is which, and memory may be written over:
                # the pin does not hold it, and none of its interventions was tried yet.
                known.pin = None
                return bool(known.held)
            following = known.chosen + 1
            if following < len(known.choices):
                known.chosen = following
                return True
        return False

    def withdraw(self, trials: Sequence[Trial], fix: tuple[str, ...] | None) -> None:
        """Take back what is said of calls that the trials, or the proven fix, speak against."""
        tried = list_tried_in_vain(trials)
        for known in self.known:
            if fix is not None:
                anew = withdraw_unrepaired(self.locator, known.pair, known.explained, fix)
                known.explained = follow_repaired_seed(
                    self.locator, known.pair, anew or known.explained, fix
                )
                continue
            if len(self.known) == 1:
                # Of several sources another one may be why a trial was not equal.
                known.refuted = tuple(dict.fromkeys((*known.refuted, *tried)))
            self._withdraw_refuted(known)

    def _withdraw_refuted(self, known: FoundSource) -> bool:
        """Explain the source anew if its call was held and it differed; return True if so.

        What was not yet tried against it is tried next. A program may not survive what is harsh, so
        that is left to trials.
        """
        anew = withdraw_refuted(self.locator, known.pair, known.explained, known.refuted)
        if anew is None:
            return False
        known.explained = anew
        left: list[str] = []
        for name in self._find_choices(anew, known.pair):
            if name not in known.refuted and not INTERVENTIONS[name].is_harsh:
                left.append(name)
        known.choices = (*known.refuted, *left)
        known.chosen = len(known.refuted)
        return True
