"""What a boundary tensor is, apart from its position: a name that does not count, and its content.

Parameters may be made into groups, and optimizers and modules be called, in the order of a set.
Then the same tensors come at other steps, or under other numbers, with the same contents.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.columns import mix, occurrences
from reproaudit.comparison.interning import Ids, Interned
from reproaudit.comparison.leavings import LEFT_NUMBERS
from reproaudit.model.events import EventKind, OutcomeKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.words import is_loss

_Keys = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]
_Marks = npt.NDArray[np.bool_]

_STATES = [int(EventKind.GRADIENT), int(EventKind.PARAMETER)]
_COUNTED = re.compile(r"(?P<label>.+?)#\d+(?=\.|$)")
_POSITION = re.compile(r"(?:group\d+|leaf)\[\d+\]")
_ANY_POSITION = "[]"


def identify(
    trace: Trace, chosen: _Numbers, interned: Interned, *, process: int
) -> tuple[_Keys, _Keys]:
    """Return two keys of each of the events `chosen`: what tensor it is, and with what content.

    Gradients, parameters and losses may come at any step, and in any order. So may, at one step,
    the outputs of several modules of one class. All else keeps its place. `process` is the common
    number of the process's label.
    """
    columns = trace.columns
    kinds = columns.kind[chosen]
    digests = columns.output_digests[chosen]
    names = columns.name[chosen]
    is_left = np.isin(kinds, LEFT_NUMBERS)
    in_thread = (columns.thread[chosen] != 0) & ~is_left
    is_output = kinds == EventKind.OUTPUT
    is_of_loss, counted = _classify_names(trace)
    roams = np.isin(kinds, _STATES) | (is_output & is_of_loss[names])
    roams |= is_left | in_thread
    steps = np.where(roams, -1, interned.count_steps(trace, chosen))
    is_saved = kinds == EventKind.SAVED
    outputs, others = _name_apart_from_position(trace, counted, interned)
    common = np.where(is_output, outputs[names], others[names])
    # What a file holds under a name is found there by that name.
    common[is_saved] = interned.number_saved(trace, chosen[is_saved], process=process)
    processes = np.full(len(chosen), process)
    columns_of_tensor = (processes, in_thread, steps, kinds, common)
    tensors = mix(*columns_of_tensor)
    has_order = ~roams & ~(is_output & counted[names])
    numbers = np.where(has_order, occurrences(tensors), -1)
    contents = mix(tensors, numbers, *digests.T)
    return tensors, mix(contents, occurrences(contents))


def is_only_position(name: str) -> bool:
    """Return True for the name of a parameter that says no more than where it was met."""
    return _POSITION.fullmatch(name) is not None


def leave_out_last_round(trace: Trace, chosen: _Numbers) -> _Marks:
    """Mark the events `chosen` of which it is chance whether a stopped program came to them.

    Those are the gradients and parameters after its last output. Another order of optimizers makes
    others of them.
    """
    kept = np.ones(len(chosen), dtype=np.bool_)
    if trace.outcome.kind is not OutcomeKind.STOPPED:
        return kept
    is_state = np.isin(trace.columns.kind[chosen], _STATES)
    outputs = np.flatnonzero(~is_state)
    last = int(outputs[-1]) if len(outputs) else -1
    kept[last + 1 :] = ~is_state[last + 1 :]
    return kept


def _classify_names(trace: Trace) -> tuple[_Marks, _Marks]:
    """Mark the strings of a trace that name losses, and those that name one of several modules."""
    labels = _find_counted_labels(trace)
    losses = [is_loss(text) for text in trace.strings]
    counted = [_remove_number(text).split(".")[0] in labels for text in trace.strings]
    return np.array(losses, dtype=np.bool_), np.array(counted, dtype=np.bool_)


def _find_counted_labels(trace: Trace) -> frozenset[str]:
    """Return the labels under which several modules were called: "Linear" if "Linear#2" was."""
    found = (_COUNTED.match(text) for text in trace.strings)
    return frozenset(match["label"] for match in found if match is not None)


def _remove_number(name: str) -> str:
    match = _COUNTED.match(name)
    if match is None:
        return name
    return match["label"] + name[match.end() :]


def _name_apart_from_position(trace: Trace, counted: _Marks, interned: Interned) -> tuple[Ids, Ids]:
    """Return the common numbers of all strings, as outputs are named and as tensors are.

    Of modules of one class the first to be called has no number, and its tensors have no label.
    """
    outputs = []
    others = []
    for text, is_counted in zip(trace.strings, counted, strict=True):
        output = _remove_number(text)
        other = _POSITION.sub(_ANY_POSITION, text)
        if is_counted:
            other = output.partition(".")[2]
        outputs.append(interned.string(output))
        others.append(interned.string(other))
    return np.array(outputs, dtype=np.int64), np.array(others, dtype=np.int64)
