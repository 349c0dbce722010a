"""Logs results in a process apart, so that a tracker costs the answer nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reproaudit.errors import ReproauditError
from reproaudit.model.result import AuditResult
from reproaudit.report.json_report import from_json, to_json
from reproaudit.track.addresses import hide_credentials
from reproaudit.track.facts import list_facts
from reproaudit.track.limits import cut_text
from reproaudit.track.process_apart import MOST_LETTERS, ApartFailed, ask_apart
from reproaudit.track.record import Logged
from reproaudit.track.registry import TRACKERS, Entry, Wanted, import_tracker

# Clients have bounds of their own, in their adapters; this is for what knows none.
_MOST_S = 120.0


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
    try:
        document = ask_apart(__name__, "log_all", request, most_s)
    except ApartFailed as failed:
        return Attempt(failure=str(failed))
    return Attempt(tuple(Logged(**one) for one in document["logged"]), document["failure"])


def log_all(request: dict[str, Any]) -> dict[str, Any]:
    """Answer `log_apart` in the process apart."""
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
    return asdict(Attempt(tuple(logged), failure))


def word_failure(error: Exception) -> str:
    """Return in a line what a tracker's library says of its failure."""
    if isinstance(error, ReproauditError):
        return error.message
    said = " ".join(hide_credentials(str(error)).split())
    return cut_text(f"{type(error).__name__}: {said}" if said else repr(error), MOST_LETTERS)
