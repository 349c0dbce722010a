"""Reads tracked runs, and keeps files beside one, in a process apart."""

from __future__ import annotations

import base64
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from reproaudit.codec import decode, encode
from reproaudit.errors import UsageError
from reproaudit.track.apart import Attempt, word_failure
from reproaudit.track.process_apart import ApartFailed, ask_apart
from reproaudit.track.record import Logged
from reproaudit.track.registry import Wanted
from reproaudit.track.tracked_run import READERS, TrackedRun, pack

_MOST_S = 300.0


def read_runs(tracker: str, names: Sequence[str]) -> tuple[TrackedRun, ...]:
    """Return what a tracker holds of runs. Raises UsageError if one cannot be read."""
    try:
        reply = ask_apart(__name__, "read_all", {"tracker": tracker, "names": list(names)}, _MOST_S)
    except ApartFailed as failed:
        raise _refuse(tracker, ", ".join(names), str(failed)) from None
    if reply["failure"]:
        raise _refuse(tracker, names[len(reply["runs"])], reply["failure"], reply["hint"])
    return tuple(decode(TrackedRun, run) for run in reply["runs"])


def _refuse(tracker: str, name: str, why: str, hint: str = "") -> UsageError:
    return UsageError(
        f"cannot read {f'{tracker}:{name}'!r}: {why}",
        code="tracked-run-unreadable",
        hint=hint or f"name a run by its id, and the store by {tracker}'s own variables",
    )


def read_all(request: dict[str, Any]) -> dict[str, Any]:
    """Answer `read_runs` in the process apart."""
    runs: list[Any] = []
    failure = hint = ""
    try:
        module = importlib.import_module(READERS[request["tracker"]])
        for name in request["names"]:
            runs.append(encode(TrackedRun, module.read_run(name)))
    # Whatever a tracker's library raises, told by the process that asked.
    except Exception as error:
        failure = word_failure(error)
        if isinstance(error, UsageError):
            failure, hint = error.message, error.hint
    return {"runs": runs, "failure": failure, "hint": hint}


def keep_apart(wanted: Wanted, name: str, files: Mapping[str, bytes]) -> Attempt:
    """Keep files beside the run that is under way, else beside a new one of this name."""
    request = {
        "tracker": wanted.tracker,
        "place": wanted.place,
        "title": name,
        "files": {file: pack(content) for file, content in files.items()},
    }
    try:
        reply = ask_apart(__name__, "keep", request, _MOST_S)
    except ApartFailed as failed:
        return Attempt(failure=str(failed))
    return Attempt(tuple(Logged(**one) for one in reply["logged"]), reply["failure"])


def keep(request: dict[str, Any]) -> dict[str, Any]:
    """Answer `keep_apart` in the process apart."""
    files = {name: base64.b64decode(text) for name, text in request["files"].items()}
    logged: tuple[Logged, ...] = ()
    failure = ""
    try:
        module = importlib.import_module(READERS[request["tracker"]])
        logged = (module.keep_files(files, request["title"], request["place"]),)
    # As above.
    except Exception as error:
        failure = word_failure(error)
    return asdict(Attempt(logged, failure))
