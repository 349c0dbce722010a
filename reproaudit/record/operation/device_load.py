"""Keeping a GPU busy beside an op that is repeated.

Atomic operations differ more while others compete with them.
"""

from __future__ import annotations

from types import TracebackType

import torch

# 64 MiB of float32 to read and as much to write: more than the caches of a GPU hold.
_ELEMENTS = 1 << 24
# Launches that are queued ahead of a repetition.
_LEAST = 8
_MOST = 400
_MARGIN = 2.0  # times the duration of the op that the queue is to last


class DeviceLoad:
    """A stream of its own with element-wise kernels in its queue.

    Nothing is drawn, and the host waits for nothing. No matrix products: cuBLAS would keep a
    workspace for the stream until the program ends. The memory goes back to the caching allocator,
    the current stream and device are never changed for longer than a call.
    """

    def __init__(self, device: torch.device, launches: int = _LEAST) -> None:
        self.stream = torch.cuda.Stream(device)  # of the lowest priority, which is the default one
        with torch.cuda.stream(self.stream):
            self._source = torch.ones(_ELEMENTS, device=device)
            self._target = torch.empty_like(self._source)
        self._launches = launches

    def __enter__(self) -> DeviceLoad:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What is still queued uses the memory. It belongs to this stream, so the allocator gives it
        # to no other one.
        del self._source, self._target

    def last(self, op_ms: float) -> None:
        """Queue so much from now on that it lasts longer than an op of `op_ms`, within limits."""
        start = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        start.record(self.stream)
        self._queue(_LEAST)
        end.record(self.stream)
        end.synchronize()
        each = max(start.elapsed_time(end) / _LEAST, 1e-3)
        self._launches = launches_for(op_ms, each)

    def queue(self) -> None:
        """Queue kernels that run beside what is launched next on the current stream."""
        self._queue(self._launches)

    def _queue(self, launches: int) -> None:
        with torch.cuda.stream(self.stream), torch.no_grad():
            for _ in range(launches):
                torch.sin(self._source, out=self._target)


def launches_for(op_ms: float, each_ms: float) -> int:
    """Return how many kernels of `each_ms` last longer than an op of `op_ms`, within the limits."""
    return min(_MOST, max(_LEAST, round(_MARGIN * op_ms / each_ms)))
