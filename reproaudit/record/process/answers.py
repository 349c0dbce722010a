"""Asking a callable that answers for a batch, as a plan says: in portions, turned round, padded,
beside other rows."""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from reproaudit.config.portions import Kept, Neighbours, Portions, Watched
from reproaudit.model.events import Unchecked
from reproaudit.record.digest.tensors import untraced
from reproaudit.record.process.batches import (
    Answers,
    Given,
    add_columns,
    add_rows,
    change_rows,
    find_mask,
    name_args,
    take_rows,
)
from reproaudit.record.process.portion_calls import enter_forward, silence_at_boundary

if TYPE_CHECKING:
    from reproaudit.record.session import Recorder

_EVEN, _ODD = 0, 1


class Asking:
    """Asks `target` for all rows of `given`. `recorder` is None where nothing is recorded."""

    def __init__(
        self,
        target: Callable[..., Any],
        given: Given,
        portions: Portions,
        recorder: Recorder | None,
    ) -> None:
        self._target = target
        self._portions = portions
        self._recorder = recorder
        names = _name_parameters(target)
        self._given = name_args(given, names)
        self._mask = find_mask(names, self._given)
        self._size = min(portions.size or given.rows, given.rows)
        self._answers = Answers(given.rows)

    def ask(self) -> Any:
        """Return what was answered for all rows, in their order."""
        self._keep()
        for first in range(0, self._given.rows, self._size):
            places = list(range(first, min(first + self._size, self._given.rows)))
            is_whole = len(places) == self._size
            if self._portions.watched is not Watched.ALL and not is_whole:
                continue  # of another shape than what is watched
            turn = self._portions.turn % len(places)
            self._ask_for([*places[turn:], *places[:turn]])
        with untraced():
            joined = self._answers.join()
        self._note_lost()
        return joined

    def _ask_for(self, places: list[int]) -> None:
        if self._portions.neighbours is Neighbours.OWN:
            self._call(places, places)
            return
        parities = (_EVEN,) if self._portions.watched is Watched.ROWS else (_EVEN, _ODD)
        streams = RandomStreams()
        for parity in parities:
            # As many numbers are drawn as without the control, and the same ones.
            streams.restore()
            # Rows of one parity stay, the others are their neighbours.
            self._call(places, places[parity::2], changed=range(1 - parity, len(places), 2))

    def _call(self, places: list[int], wanted: list[int], changed: range = range(0)) -> None:
        """Ask for the rows at `places`, of which the `wanted` ones are answers."""
        portions = self._portions
        columns: tuple[int, int] | None = None
        with untraced():
            given = take_rows(self._given, places)
            if changed:
                given = change_rows(given, changed)
            if portions.padding and self._mask is not None:
                given, width = add_columns(
                    given, self._mask, portions.padding, is_filled=portions.is_filled
                )
                columns = width + portions.padding, width
            elif portions.padding:
                given = add_rows(given, portions.padding, is_filled=portions.is_filled)
        with silence_at_boundary(self._recorder), enter_forward(self._recorder):
            result = self._target(*given.args, **given.kwargs)
        with untraced():
            self._answers.add(result, places, wanted, given=given.rows, columns=columns)

    def _keep(self) -> None:
        """Have the recorder look at the part of every tensor that is watched."""
        portions = self._portions
        recorder = self._recorder
        if recorder is None or portions.watched is Watched.ALL:
            return
        if portions.watched is Watched.ROWS:
            recorder.kept = Kept(size=self._size, stop=self._size, step=2)
            return
        length = self._size if self._mask is None else self._given.first.shape[1]
        recorder.kept = Kept(size=length + portions.padding, stop=length)

    def _note_lost(self) -> None:
        if self._recorder is None:
            return
        for name in sorted(self._answers.without_rows):
            self._recorder.writer.note(
                Unchecked.NO_ROWS,
                f"return{name}",
                "it has not one entry for each row that was given",
            )


class RandomStreams:
    """The states of the global random streams, to be put back."""

    def __init__(self) -> None:
        self._python = random.getstate()
        self._torch = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        numpy = sys.modules.get("numpy.random")
        self._numpy = None if numpy is None else (numpy, numpy.get_state())

    def restore(self) -> None:
        random.setstate(self._python)
        torch.set_rng_state(self._torch)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)
        if self._numpy is not None:
            numpy, state = self._numpy
            numpy.set_state(state)


def _name_parameters(target: Any) -> list[str]:
    """Return the names of what a callable takes, that of a module's forward."""
    function = getattr(target, "forward", target)
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []
