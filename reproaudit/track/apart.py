"""Logs results in a process apart: a tracker that hangs, crashes, prints or leaves threads behind
does it there, and is ended with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any

from reproaudit.errors import ReproauditError
from reproaudit.model.result import AuditResult
from reproaudit.report.json_report import from_json, to_json
from reproaudit.track.addresses import hide_credentials
from reproaudit.track.facts import list_facts
from reproaudit.track.limits import cut_text
from reproaudit.track.record import Logged
from reproaudit.track.registry import TRACKERS, Entry, Wanted, import_tracker

# Clients have bounds of their own, in their adapters; this is for what knows none.
_MOST_S = 120.0
_MOST_LETTERS = 300  # of what a tracker says of its failure


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was logged, in the order of the results, and why no more was; "": all of it was."""

    logged: tuple[Logged, ...] = ()
    failure: str = ""


def log_apart(
    results: Sequence[AuditResult],
    wanted: Wanted,
    accepted: frozenset[str] = frozenset(),
    most_s: float = _MOST_S,
) -> Attempt:
    """Log each result into one tracker, up to the first that fails, for at most `most_s` seconds.

    `accepted` are the fingerprints of findings that a baseline accepts.
    """
    request = {
        "entry": asdict(TRACKERS[wanted.tracker]),
        "place": wanted.place,
        "accepted": sorted(accepted),
        "results": [to_json(result) for result in results],
    }
    with tempfile.TemporaryFile() as said:
        reply = _ask(json.dumps(request).encode(), said, most_s)
        if reply is None:
            return Attempt(failure=f"it was not done after {most_s:g} seconds")
        if not reply:
            return Attempt(failure=f"its process ended: {_read_last_line(said)}")
    document = json.loads(reply)
    return Attempt(tuple(Logged(**one) for one in document["logged"]), document["failure"])


def _ask(request: bytes, said: IO[bytes], most_s: float) -> bytes | None:
    """Return what the process answers; None if it was ended because it took too long."""
    # The same modules as here, and not one of the working folder that has a tracker's name.
    program = f"import sys; sys.path[:] = {sys.path!r}; import {__name__} as it; it.answer()"
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
    return cut_text("".join(last), _MOST_LETTERS)


def answer() -> None:
    """Answer the request on standard input: the other side of `log_apart`."""
    with os.fdopen(os.dup(1), "wb") as reply:
        # What the tracker prints is no answer.
        os.dup2(2, 1)
        request = json.load(sys.stdin)
        attempt = _log_all(request)
        reply.write(json.dumps(asdict(attempt)).encode())
    # Everything is written. What the tracker has left, such as a thread that waits for a server,
    # and what it would do at the interpreter's end, holds nobody up.
    os.killpg(0, signal.SIGKILL)


def _log_all(request: dict[str, Any]) -> Attempt:
    logged: list[Logged] = []
    failure = ""
    accepted = frozenset(request["accepted"])
    try:
        tracker = import_tracker(Entry(**request["entry"]))
        for text in request["results"]:
            record = list_facts(from_json(text), accepted)
            logged.append(tracker.log(record, request["place"]))
        tracker.close()
    # Whatever a tracker's library raises, told by the process that asked.
    except Exception as error:
        failure = word_failure(error)
    return Attempt(tuple(logged), failure)


def word_failure(error: Exception) -> str:
    """Return in a line what a tracker's library says of its failure."""
    if isinstance(error, ReproauditError):
        return error.message
    said = " ".join(hide_credentials(str(error)).split())
    return cut_text(f"{type(error).__name__}: {said}" if said else repr(error), _MOST_LETTERS)
