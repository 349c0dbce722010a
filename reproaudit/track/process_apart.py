"""Asks a tracker's library in a process apart: if it hangs, crashes, prints or leaves threads
behind, it does so there, and is ended with it."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import IO, Any

from reproaudit.track.addresses import hide_credentials
from reproaudit.track.limits import cut_text

MOST_LETTERS = 300  # of what a tracker says of its failure


class ApartFailed(Exception):
    """The process gave no answer: it took too long, or ended. The text says which."""


def ask_apart(module: str, function: str, request: Any, most_s: float) -> Any:
    """Return what a function makes of a request in a process apart; both are what JSON holds.

    Raises ApartFailed.
    """
    with tempfile.TemporaryFile() as said:
        reply = _ask((module, function), json.dumps(request).encode(), said, most_s)
        if reply is None:
            raise ApartFailed(f"it was not done after {most_s:g} seconds")
        try:
            return json.loads(reply)
        except ValueError:  # it ended before it answered, or while it did
            raise ApartFailed(f"its process ended: {_read_last_line(said)}") from None


def _ask(place: tuple[str, str], request: bytes, said: IO[bytes], most_s: float) -> bytes | None:
    """Return what the process answers; None if it was ended because it took too long."""
    # The same modules as here, and not one of the working folder that has a tracker's name.
    program = f"import sys; sys.path[:] = {sys.path!r}; import {__name__} as it; it.answer{place!r}"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        start_new_session=True,
    )
    try:
        return process.communicate(request, timeout=most_s)[0]
    except subprocess.TimeoutExpired:
        return None
    finally:
        # Until it is waited for, its number is nobody else's.
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _read_last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").split("\n")
    last = [line.strip() for line in lines if line.strip()][-1:]
    return cut_text(hide_credentials("".join(last)), MOST_LETTERS)


def answer(module: str, function: str) -> None:
    """Answer the request on standard input: the other side of `ask_apart`."""
    with os.fdopen(os.dup(1), "wb") as reply:
        # What the tracker prints is no answer.
        os.dup2(2, 1)
        request = json.load(sys.stdin)
        found = getattr(importlib.import_module(module), function)(request)
        reply.write(json.dumps(found).encode())
    # Everything is written. What the tracker has left, such as a thread that waits for a server,
    # and what it would do at the interpreter's end, holds nobody up.
    os.killpg(0, signal.SIGKILL)
