"""The values level: inputs and outputs of the ops that an earlier comparison asked for."""

from __future__ import annotations

from typing import Any

from reproaudit.plan import Target
from reproaudit.record.digest import raw_bytes
from reproaudit.record.opinfo import OpInfo
from reproaudit.record.session import Recorder
from reproaudit.trace.schema import INPUTS_FROM


class TargetValues:
    """Tells whether the op that is about to run is one of the targets, counting occurrences as the comparison did."""

    def __init__(self, recorder: Recorder, targets: tuple[Target, ...]) -> None:
        self._recorder = recorder
        self._by_name: dict[str, list[Target]] = {}
        for target in targets:
            self._by_name.setdefault(target.name, []).append(target)
        self._seen: dict[tuple[str, int, int, int, int], int] = {}

    def match(self, name: str, site: int, phase: int) -> _Capture | None:
        candidates = self._by_name.get(name)
        if candidates is None:
            return None
        recorder = self._recorder
        thread = recorder.thread()
        key = (name, site, int(phase), recorder.step, thread)
        occurrence = self._seen[key] = self._seen.get(key, -1) + 1
        path, line, _ = recorder.writer.location_of(site)
        for target in candidates:
            if (target.location_path, target.location_line, target.phase, target.step, target.occurrence) == (
                path, line, int(phase), recorder.step, occurrence,
            ) and target.thread == thread:  # fmt: skip
                return _Capture(recorder)
        return None


class _Capture:
    """Inputs are copied before the op runs, because it may overwrite them; outputs after."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._inputs: list[tuple[str, tuple[int, ...], bytes]] = []

    def before(self, args: Any, kwargs: Any, info: OpInfo) -> None:
        from reproaudit.record.operations import _tensors_read

        left = self._recorder.writer.values_left
        for tensor in _tensors_read(info, args, kwargs):
            size = tensor.numel() * tensor.element_size()
            if size <= left and (raw := raw_bytes(tensor)) is not None:
                left -= size
                self._inputs.append((raw[0], raw[1], bytes(raw[2])))

    def after(self, event: int, args: Any, kwargs: Any, result: Any, info: OpInfo) -> None:
        from reproaudit.record.operations import _tensors_written

        writer = self._recorder.writer
        for number, tensor in enumerate(_tensors_written(info, args, kwargs, result)):
            if (raw := raw_bytes(tensor)) is not None:
                writer.keep(event, number, *raw)
        for number, (dtype, shape, data) in enumerate(self._inputs):
            writer.keep(event, INPUTS_FROM + number, dtype, shape, data)
