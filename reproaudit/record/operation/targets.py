"""The values level: inputs and outputs of the ops that a comparison asked for, and what repeating
them gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from reproaudit.config.plan import Target
from reproaudit.model.events import EventFlag, Phase, Unchecked
from reproaudit.record.digest.tensors import raw_bytes
from reproaudit.record.operation.call import CallNotSaved, save_call
from reproaudit.record.operation.operands import tensors_read
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.operation.replay import Raw, Repetitions, Rerun, can_rerun
from reproaudit.record.session import Recorder
from reproaudit.trace.schema import INPUTS_FROM
from reproaudit.trace.words import CALL_FOLDER_PREFIX, ReplayWay

# So many repetitions that agree, and differ from the call, are taken for a sign of another writer:
# those of a kernel that often gives something else would differ among themselves. From one that
# seldom does, a writer is not told apart.
_CERTAIN_REPETITIONS = 5


class TargetValues:
    """Finds the targets among the ops, counting occurrences as the comparison did."""

    def __init__(self, recorder: Recorder, targets: tuple[Target, ...]) -> None:
        self._recorder = recorder
        self._by_name: dict[str, list[tuple[int, Target]]] = {}
        for number, target in enumerate(targets):
            self._by_name.setdefault(target.name, []).append((number, target))
        self._seen: dict[tuple[str, int, int, int, int], int] = {}

    def match(self, name: str, site: int, phase: int) -> Capture | None:
        candidates = self._by_name.get(name)
        if candidates is None:
            return None
        recorder = self._recorder
        thread = recorder.thread()
        step = recorder.step
        key = (name, site, int(phase), step, thread)
        occurrence = self._seen[key] = self._seen.get(key, -1) + 1
        path, line, _, cell = recorder.writer.location_of(site)
        for number, target in candidates:
            if target.location_path != path or target.location_line != line:
                continue
            if target.location_cell != cell:
                continue
            if target.phase != int(phase) or target.step != step or target.thread != thread:
                continue
            if target.occurrence == occurrence:
                return Capture(recorder, number)
        return None


class Capture:
    """One call whose values are kept: inputs as they were before the op ran, and outputs."""

    def __init__(self, recorder: Recorder, number: int) -> None:
        self._recorder = recorder
        self._number = number  # of the target in the plan
        self._inputs: list[tuple[torch.Tensor, Raw]] = []
        self._outputs: list[Raw | None] = []
        self._repeated: list[Repetitions] = []
        self._flags = EventFlag(0)
        self._rerun: Rerun | None = None
        self._name = ""

    def before_call(self, func: Any, args: Any, kwargs: Any, info: OpInfo) -> None:
        """Copy the inputs while the budget lasts: the op may overwrite them."""
        left = self._recorder.writer.values_left
        for tensor in tensors_read(info, args, kwargs):
            size = tensor.numel() * tensor.element_size()
            if size > left:
                continue
            raw = raw_bytes(tensor)
            if raw is not None:
                left -= size
                self._inputs.append((tensor, raw))
        if not self._recorder.plan.reference and can_rerun(info, args, kwargs):
            self._rerun = Rerun(func, args, kwargs, info)
            self._save(func, args, kwargs)

    def after_call(self, written: list[torch.Tensor], info: OpInfo) -> None:
        """Copy what the call wrote, look at its inputs, repeat it.

        Before a pin gives the call other outputs.
        """
        self._name = info.name
        self._outputs = [raw_bytes(tensor) for tensor in written]
        self._flags = self._find_outside_write(written)
        # Not if something else overwrote an input: a repetition would not be of the same call.
        if not self._flags and self._rerun is not None and not self._recorder.plan.reference:
            repeated = self._rerun.repeat_all_ways(written)
            # They read the program's own tensors, which may have been written meanwhile.
            self._flags = self._find_outside_write(written)
            if self._was_overwritten(repeated, written):
                self._flags = EventFlag.RACED
            if not self._flags:
                self._repeated = repeated

    def finish(self, event: int) -> None:
        """Keep the copied inputs and outputs, and what repeating showed, with the op's event."""
        recorder = self._recorder
        writer = recorder.writer
        for number, output in enumerate(self._outputs):
            if output is not None:
                writer.keep(event, number, *output)
        for number, (_, given) in enumerate(self._inputs, INPUTS_FROM):
            writer.keep(event, number, *given)
        for tried in self._repeated:
            self._flags |= EventFlag.REPLAYED
            if tried.differing and tried.way is not ReplayWay.FLAG:
                self._flags |= EventFlag.REPLAY_DIFFERED
            number = writer.add_replay(
                at=recorder.moment(Phase.DATA),
                op=self._name,
                way=tried.way,
                repeated=event,
                made=tried.made,
                differing=tried.differing,
            )
            for index, raw in enumerate(tried.other):
                if raw is not None:
                    writer.keep(number, index, *raw)
        writer.mark(event, int(self._flags))

    def _find_outside_write(self, written: list[torch.Tensor]) -> EventFlag:
        """Return RACED if an input differs now although the op does not write it.

        Somebody else has written it meanwhile.
        """
        own = {_memory(tensor) for tensor in written}
        for tensor, before in self._inputs:
            if _memory(tensor) not in own and raw_bytes(tensor) != before:
                return EventFlag.RACED
        return EventFlag(0)

    def _was_overwritten(self, repeated: list[Repetitions], written: list[torch.Tensor]) -> bool:
        """Return True if something else most likely wrote what the op writes in place.

        All repetitions make one thing of its inputs, and the call made another where others could
        write. The inputs that it overwrites cannot be looked at afterwards.
        """
        plain = repeated[0]
        if not plain.agree or plain.differing < _CERTAIN_REPETITIONS:
            return False
        given = {_memory(tensor) for tensor, _ in self._inputs}
        # On a device a first call may take another algorithm than all later ones.
        in_place = [one for one in written if one.is_cpu and _memory(one) in given]
        return any(self._recorder.has_threads or tensor.is_shared() for tensor in in_place)

    def _save(self, func: Any, args: Any, kwargs: Any) -> None:
        """Leave the call beside the trace, for a reproducer."""
        try:
            save_call(
                Path(self._recorder.writer.directory) / f"{CALL_FOLDER_PREFIX}{self._number}",
                func,
                args,
                kwargs,
            )
        except CallNotSaved as reason:
            self._recorder.writer.note(
                Unchecked.CALL_NOT_KEPT, f"a reproducer of {func}", str(reason)
            )


def _memory(tensor: torch.Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):  # a layout without one storage
        return id(tensor)
