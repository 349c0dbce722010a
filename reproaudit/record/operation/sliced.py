"""Digests of the slices of what operators read and write, for runs that are given the same rows in
other portions."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch

from reproaudit.model.events import Unchecked
from reproaudit.record.digest.slices import cut_to_kept, digest_slices
from reproaudit.record.digest.tensors import digest, try_to_read
from reproaudit.record.hooks import own_paths
from reproaudit.record.session import Recorder
from reproaudit.trace.schema import INPUTS_FROM
from reproaudit.trace.slices import MOST_DIMENSIONS, SLICES_FILE, SlicesWriter

_MEBIBYTE = 1 << 20
Numbers = tuple[int, int]  # of a tensor, and of what it may be as well


class SlicedCalls:
    """Digests the tensors of each operator of the process that the plan is for, in slices.

    A child that it forks has none.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        path = own_paths.join(recorder.writer.directory, SLICES_FILE)
        self._writer = SlicesWriter(path, recorder.plan.slices_mb * _MEBIBYTE)
        self._is_over = False
        self._is_lost = False  # what waits cannot be written
        recorder.on_flush.append(self._flush)

    @property
    def is_over(self) -> bool:
        """True if no more is recorded here."""
        return self._is_over or self._recorder.is_child

    def take(self, tensors: Sequence[torch.Tensor]) -> list[Numbers | None]:
        """Digest tensors as they are now; return their numbers, None for what has no slices."""
        return [self._take(tensor) for tensor in tensors]

    def add(self, event: int, read: list[Numbers | None], written: list[Numbers | None]) -> None:
        """Add an operator, given the numbers of the tensors that it read and wrote.

        One of which a tensor has no slices is left out: its inputs would seem to be equal.
        """
        if self._is_over or None in read or None in written:
            return
        for first, tensors in ((0, written), (INPUTS_FROM, read)):
            for place, numbers in enumerate(tensors, first):
                assert numbers is not None
                self._writer.add_operand(event, place, *numbers)
        if self._writer.is_full:
            self._flush()

    def _take(self, tensor: torch.Tensor) -> Numbers | None:
        if self._is_over or tensor.layout is not torch.strided:
            return None
        kept = self._recorder.kept
        if kept is None:
            number = self._find(tensor)
            return None if number is None else (number, number)
        numbers = []
        for is_inner in (False, True):
            cut = try_to_read(functools.partial(cut_to_kept, kept=kept, is_inner=is_inner), tensor)
            number = None if cut is None else self._find(cut)
            if number is None:
                return None
            numbers.append(number)
        return numbers[0], numbers[1]

    def _find(self, tensor: torch.Tensor) -> int | None:
        """Return the number of a tensor, which is added if it is new."""
        shape = tuple(tensor.shape)
        whole = None if len(shape) > MOST_DIMENSIONS else digest(tensor)
        if whole is None:
            return None
        number = self._writer.find(whole, shape)
        if number is not None:
            return number
        if not self._writer.has_room(shape):
            self._end("the digests of their slices are past the memory for them")
            return None
        digests = try_to_read(digest_slices, tensor)
        if digests is None:
            return None
        is_float = tensor.is_floating_point() or tensor.is_complex()
        return self._writer.add_tensor(whole, shape, is_float=is_float, digests=digests)

    def _flush(self) -> None:
        if self._is_lost or self._recorder.is_child:
            return
        try:
            self._is_lost = not self._writer.flush()
            why = "the file of them takes no more"
        except OSError as error:
            self._is_lost = True
            why = f"they could not be written: {error.strerror or error}"
        if self._is_lost:
            self._end(why)

    def _end(self, why: str) -> None:
        self._is_over = True
        step = self._recorder.step
        what = f"the slices of what operators read and wrote, from step {step} on"
        self._recorder.writer.note(Unchecked.SLICES_NOT_KEPT, what, why)
