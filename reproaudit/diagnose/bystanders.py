"""Calls into the outside world that differ and are not to blame.

That is known once all that makes such a call give the same was tried in vain, or once the program
is repaired by something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from reproaudit.comparison.entropy import EntropyCall, Strength
from reproaudit.diagnose.blame import is_drawn_by_worker, word_arrival
from reproaudit.diagnose.candidates import find_for_call
from reproaudit.diagnose.locate import Locator
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import Explanation, add_note
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.traits import Part
from reproaudit.model.result import Trial


def list_tried_in_vain(trials: Iterable[Trial]) -> tuple[str, ...]:
    """Return the interventions under which runs were made that were not equal."""
    tried: list[str] = []
    for trial in trials:
        # One with a note proves nothing: the program ended otherwise, or the budget did.
        if not trial.is_equal and not trial.note:
            tried += trial.settings
    return tuple(dict.fromkeys(tried))


def withdraw_refuted(
    locator: Locator, pair: RunPair, explained: Explanation, tried: tuple[str, ...]
) -> Explanation | None:
    """Explain a source anew without the calls that were made alike and did not help.

    None if its call is not among them.
    """
    call = explained.call
    if call is None or not _is_refuted(call, tried):
        return None
    held = ", ".join(name for name in find_for_call(call) if name in tried)
    note = f"{describe_bystander(call)}, but with {held} the runs still differed"
    return _explain_anew(
        locator, pair, explained, lambda other: _is_refuted(other, tried), note=note
    )


def withdraw_unrepaired(
    locator: Locator, pair: RunPair, explained: Explanation, fix: tuple[str, ...]
) -> Explanation | None:
    """Explain a source anew without the calls that the proven fix leaves as they are.

    None if its call is not among them.
    """
    call = explained.call
    if call is None or _can_be_repaired_by(call, fix):
        return None
    note = describe_bystander(call)
    if not call.is_given_seed:
        # A seed may be made of what the fix repairs.
        note += ", but the fix leaves it as it is"
    return _explain_anew(
        locator, pair, explained, lambda other: not _can_be_repaired_by(other, fix), note=note
    )


def follow_repaired_seed(
    locator: Locator, pair: RunPair, explained: Explanation, fix: tuple[str, ...]
) -> Explanation:
    """Return a source that follows a seed at the call which the proven fix makes alike.

    As it is where that call is not known.
    """
    call = explained.call
    if call is None or not call.is_given_seed or explained.is_from_outside:
        return explained
    anew = locator.explain_without(
        pair,
        explained.source,
        lambda other: not (_seeds_torch(other) or _can_be_repaired_by(other, fix)),
        fix=fix,
    )
    return explained if anew.call == call else anew


def describe_bystander(call: EntropyCall) -> str:
    """Say what is true of a call that is not to blame."""
    if call.strength is Strength.ARRIVAL:
        return word_arrival(call.name)
    return f"{call.name} differs too"


def _is_refuted(call: EntropyCall, tried: tuple[str, ...]) -> bool:
    """Return True if all that makes the call give the same was tried in vain.

    What changes more than its cause is seldom tried, and not asked for.
    """
    holding: set[str] = set()
    for name in find_for_call(call):
        if not INTERVENTIONS[name].is_last_resort:
            holding.add(name)
    return bool(holding) and holding.issubset(tried)


def _can_be_repaired_by(call: EntropyCall, fix: tuple[str, ...]) -> bool:
    """Return True if a repair by the fix may be due to the call."""
    holding = find_for_call(call)
    if not holding or not set(holding).isdisjoint(fix):
        return True
    if is_drawn_by_worker(call):
        # The seed of a worker may be made of anything.
        return True
    # What sets or shifts a stream is repaired where that is done; never by the seed of another
    # stream.
    return call.state_differed and any(_can_shift_streams(name) for name in fix)


def _seeds_torch(call: EntropyCall) -> bool:
    return call.name.startswith(("torch.manual_seed", "torch.seed", "torch.Generator."))


def _can_shift_streams(name: str) -> bool:
    part = INTERVENTIONS[name].acts_on
    return part is not Part.SEEDS and not part.is_inside_operators


def _explain_anew(
    locator: Locator,
    pair: RunPair,
    explained: Explanation,
    is_withdrawn: Callable[[EntropyCall], bool],
    *,
    note: str,
) -> Explanation | None:
    """Explain what came from outside without some of the calls, and say so.

    A draw follows its seed, so that a seed which differs is no bystander; what it seems to be made
    of may be one.
    """
    call = explained.call
    if explained.is_from_outside:
        anew = locator.explain_without(pair, explained.source, is_withdrawn)
    elif call is None or _seeds_torch(call):
        return None
    else:
        anew = locator.explain_without(
            pair,
            explained.source,
            lambda other: not _seeds_torch(other) and is_withdrawn(other),
        )
    return replace(anew, finding=add_note(anew.finding, note))
