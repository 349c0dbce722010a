"""Entropy of the operating system from fixed streams, and what several repairs need for theirs."""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import random
import sys
import uuid
from collections.abc import Callable
from multiprocessing.process import current_process
from types import SimpleNamespace
from typing import Any

from reproaudit.record.hooks.callers import frame_at, outer_frame
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.repairs import SEED, Reach

_FOLDER = os.path.dirname(__file__)
_RECORDER = os.path.dirname(_FOLDER) + os.sep
# Linux gives no process a larger number: a call that takes ours by mistake finds nobody.
_ABOVE_REAL_PIDS = 1 << 22
_PID_BITS = 20
# 2025-01-01 in units of 100 ns since October 1582.
_UUID1_START = (12_219_292_800 + 1_735_689_600) * 10_000_000
_UUID1_TICK = 10_000  # 1 ms
_CONNECTIONS = "multiprocessing.connection"
_TAKE_PIDS = ("kill", "getpgid", "getsid", "sched_getaffinity", "sched_setaffinity")

_shake = hashlib.shake_256
_urandom = os.urandom
_getpid = os.getpid
_getppid = os.getppid


class FixedStream:
    """Bytes that depend on a purpose, a process's place in the tree, and a count of draws.

    So each process draws the same in each run, and no two processes draw alike.
    """

    def __init__(self, purpose: str, reach: Reach) -> None:
        self._purpose = purpose
        self.forked_from: tuple[int, ...] = ()  # the place of the parent, of a forked child
        self._forks: tuple[int, ...] = ()
        self._count = itertools.count()
        reach.after_fork(self._enter_child)

    def _enter_child(self, number: int) -> None:
        self.forked_from = self.place()
        self._forks += (number,)
        self._count = itertools.count()

    def draw(self, size: int) -> bytes:
        place = self.place()
        return self.at(place, next(self._count), size)

    def number(self, bits: int = 32) -> int:
        """Draw an integer of so many bits, a multiple of 8."""
        drawn = self.draw(bits // 8)
        return int.from_bytes(drawn, "big")

    def place(self) -> tuple[int, ...]:
        """Return the process's place in the tree: numbers of forks, then multiprocessing's own.

        The latter are all that a spawned child knows of itself, and not before its target is about
        to start.
        """
        own = getattr(current_process(), "_identity", ())
        return (*self._forks, -1, *own)

    def at(self, place: tuple[int, ...], index: int, size: int) -> bytes:
        """Return what the process at `place` gets in its draw number `index`."""
        text = repr((SEED, self._purpose, place, index))
        return _shake(text.encode()).digest(size)


def is_for_program(reach: Reach) -> bool:
    """Return True if the program itself called the function that asks.

    Wrappers of the recorder in between do not count. Below a callback of the interpreter, such as
    one of atexit, there is no other frame.
    """
    depth = 2
    frame = frame_at(depth)
    while frame is not None and frame.f_code.co_filename.startswith(_RECORDER):
        frame = frame.f_back
        depth += 1
    return frame is not None and reach.is_program(depth)


def install(reach: Reach) -> None:
    """Fix what the operating system gives by chance: random bytes and process ids.

    By os.urandom and getrandom also what secrets, SystemRandom and uuid draw is fixed.
    """
    stream = FixedStream("entropy", reach)
    _fix_bytes(reach, stream)
    _fix_uuid1(reach, FixedStream("uuid1", reach))
    _fix_pids(reach, _Pids(FixedStream("pid", reach)))
    for module, spare in (
        ("multiprocessing.shared_memory", _spare_shared_memory),
        ("triton.runtime.cache", _spare_triton),
        # Not "numpy.random": that is complete only after it has seeded its global generator.
        ("numpy.random.bit_generator", _spare_numpy),
    ):
        reach.when_imported(module, functools.partial(spare, reach.patches))


def _fix_bytes(reach: Reach, stream: FixedStream) -> None:
    @functools.wraps(_urandom)
    def urandom(size: int, /) -> bytes:
        if size < 0:
            raise ValueError("negative argument not allowed")
        # A thread that answers other processes would shift the stream whenever they ask.
        caller = outer_frame(1)
        if caller is not None and caller.f_globals.get("__name__") == _CONNECTIONS:
            return _urandom(size)
        return stream.draw(size)

    reach.patches.replace(os, "urandom", urandom)
    reach.patches.replace(random, "_urandom", urandom)  # SystemRandom's, and by it all of secrets
    if hasattr(os, "getrandom"):

        @functools.wraps(os.getrandom)
        def getrandom(size: int, flags: int = 0) -> bytes:
            return urandom(size)

        reach.patches.replace(os, "getrandom", getrandom)


def _fix_uuid1(reach: Reach, stream: FixedStream) -> None:
    # uuid4 takes its bytes from os.urandom.
    @functools.wraps(uuid.uuid1)
    def uuid1(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
        drawn = stream.number(64)
        if node is None:
            node = drawn >> 16
        if clock_seq is None:
            clock_seq = drawn & 0x3FFF
        time = _UUID1_START + next(ticks) * _UUID1_TICK
        fields = (
            time & 0xFFFFFFFF,
            time >> 32 & 0xFFFF,
            time >> 48 & 0x0FFF,
            clock_seq >> 8 & 0x3F,
            clock_seq & 0xFF,
            node,
        )
        return uuid.UUID(fields=fields, version=1)

    ticks = itertools.count()
    reach.patches.replace(uuid, "uuid1", uuid1)


class _Pids:
    """Process ids that depend on a process's place in the tree alone."""

    def __init__(self, stream: FixedStream) -> None:
        self._stream = stream

    def own(self) -> int:
        return self._of(self._stream.place())

    def parent(self) -> int:
        place = self._stream.forked_from
        if not place:
            # A spawned child knows its parent by its own place; for the first process that is a
            # place of nobody.
            place = self._stream.place()[:-1]
        return self._of(place)

    def real(self, pid: Any) -> Any:
        """Return the process that the program means by `pid`."""
        if pid == self.own():
            return _getpid()
        if pid == self.parent():
            return _getppid()
        return pid

    def _of(self, place: tuple[int, ...]) -> int:
        drawn = self._stream.at(place, 0, 4)
        number = int.from_bytes(drawn, "big") % (1 << _PID_BITS)
        return _ABOVE_REAL_PIDS + 1 + number


def _fix_pids(reach: Reach, pids: _Pids) -> None:
    @functools.wraps(_getpid)
    def getpid() -> int:
        if is_for_program(reach):
            return pids.own()
        return _getpid()

    @functools.wraps(_getppid)
    def getppid() -> int:
        if is_for_program(reach):
            return pids.parent()
        return _getppid()

    reach.patches.replace(os, "getpid", getpid)
    reach.patches.replace(os, "getppid", getppid)
    for name in _TAKE_PIDS:
        if hasattr(os, name):
            original = getattr(os, name)
            reach.patches.replace(os, name, _translate_pid(original, pids))
    reach.when_imported("psutil", functools.partial(_tell_psutil, reach.patches, pids))


def _translate_pid(call: Callable[..., Any], pids: _Pids) -> Callable[..., Any]:
    """Return a stand-in for a function that is given the number of a process first."""

    @functools.wraps(call)
    def call_with_real_pid(pid: Any, /, *args: Any) -> Any:
        return call(pids.real(pid), *args)

    return call_with_real_pid


def _tell_psutil(patches: Patches, pids: _Pids) -> None:
    process = sys.modules["psutil"].Process
    original = process.__init__

    @functools.wraps(original)
    def init(self: Any, pid: int | None = None) -> None:
        original(self, pids.real(pid))

    patches.replace(process, "__init__", init)


def _spare_shared_memory(patches: Patches) -> None:
    """Leave segments their random names: a name that is left over would shift the stream."""

    def token_hex(size: int) -> str:
        return _urandom(size).hex()

    names = SimpleNamespace(token_hex=token_hex)
    patches.replace(sys.modules["multiprocessing.shared_memory"], "secrets", names)


def _spare_triton(patches: Patches) -> None:
    """Leave its cache its random names: only a kernel that is not cached yet draws one."""

    def uuid4() -> uuid.UUID:
        return uuid.UUID(int=real_bits(128), version=4)

    names = SimpleNamespace(uuid4=uuid4)
    patches.replace(sys.modules["triton.runtime.cache"], "uuid", names)


def _spare_numpy(patches: Patches) -> None:
    """Leave NumPy's generators without a seed to their own repairs: they draw by `secrets` too."""
    bit_generator = sys.modules["numpy.random.bit_generator"]
    # A bound method is NumPy's own choice; a function is what that repair has put there.
    if hasattr(bit_generator.randbits, "__self__"):
        patches.replace(bit_generator, "randbits", real_bits)


def real_bits(bits: int) -> int:
    """Return so many random bits from the operating system, whatever os.urandom is by now."""
    size = (bits + 7) // 8
    drawn = int.from_bytes(_urandom(size), "big")
    surplus = -bits % 8
    return drawn >> surplus
