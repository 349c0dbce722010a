"""RANDOM() and RANDOMBLOB() of SQLite from fixed streams, one for each connection."""

from __future__ import annotations

import _random
import functools
import sys
from typing import Any

from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.entropy import FixedStream

# The C type below random.Random, which the recorder does not watch.
_Generator = _random.Random
_BITS = 64
_HALF = 1 << (_BITS - 1)


def install(reach: Reach) -> None:
    """Give each connection functions of our own in the place of the built-in ones."""
    stream = FixedStream("sqlite", reach)
    reach.when_imported("sqlite3", functools.partial(_replace_connect, reach, stream))


def _replace_connect(reach: Reach, stream: FixedStream) -> None:
    modules = [sys.modules["sqlite3"], sys.modules["sqlite3.dbapi2"]]
    original = modules[0].connect

    @functools.wraps(original)
    def connect(*args: Any, **kwargs: Any) -> Any:
        connection = original(*args, **kwargs)
        generator = _Generator(stream.number(_BITS))
        _fix_functions(connection, generator)
        return connection

    for module in modules:
        reach.patches.replace(module, "connect", connect)


def _fix_functions(connection: Any, generator: _random.Random) -> None:
    def random() -> int:
        drawn = generator.getrandbits(_BITS)
        return drawn - _HALF  # SQLite's integers are signed

    def randomblob(size: Any) -> bytes:
        length = 1
        if isinstance(size, (int, float)):
            length = max(1, int(size))
        drawn = generator.getrandbits(8 * length)
        return drawn.to_bytes(length, "little")

    connection.create_function("random", 0, random)
    connection.create_function("randomblob", 1, randomblob)
