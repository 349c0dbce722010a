"""How a command ended: by its exit code, and by what the traces of its processes say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reproaudit.errors import TraceError
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.runs.launch import list_ranks
from reproaudit.trace.ending import outcome_of_row
from reproaudit.trace.facts import ProcessFacts
from reproaudit.trace.header import read_header
from reproaudit.trace.schema import RUN_FILE
from reproaudit.trace.words import CHILD_PREFIX

_MOST_TOLD = 3
_MOST_CHARACTERS = 160  # of what one of them says


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a process of a command ended, as its trace says, and when that was written."""

    label: str
    process: ProcessFacts
    outcome: Outcome
    steps: int
    written_ns: int

    @property
    def name(self) -> str:
        return f"rank {self.process.rank}" if self.process.is_rank else self.label

    @property
    def has_failed(self) -> bool:
        return self.outcome.kind is OutcomeKind.RAISED or self.outcome.kind is OutcomeKind.EXITED

    @property
    def is_silent(self) -> bool:
        """True if it was killed, or still ran when its run was over."""
        return self.outcome.kind is OutcomeKind.RUNNING


def settle_command(trace_dir: Path, code: int) -> Outcome:
    """Return how a command ended that exited with `code`, by what its processes say.

    What the audit stops ends early, and whoever waits for it may take that for a failure. Of
    several that failed, the first is told first: those that waited for it failed for that.
    """
    endings = _drop_earlier_starts(_read_endings(trace_dir))
    failed = sorted(
        (ending for ending in endings if ending.has_failed), key=lambda ending: ending.written_ns
    )
    silent = [ending.name for ending in endings if ending.is_silent and _is_main(ending, endings)]
    stopped = [ending.outcome for ending in endings if ending.outcome.kind is OutcomeKind.STOPPED]
    if stopped and not silent and (code == 0 or not failed):
        return stopped[0]
    has_lost_a_rank = any(ending.process.is_rank for ending in failed)
    if code == 0 and not silent and not has_lost_a_rank:
        return Outcome(OutcomeKind.COMPLETED, 0)
    said = [f"{ending.name}: {_shorten(ending)}" for ending in failed[:_MOST_TOLD]]
    said += _tell_who_had_ended(endings, failed)
    if silent:
        how = "ended without a word" if code else "did not end by itself"
        said.append(f"{_name_some(silent)} {how}")
    unrecorded = _list_unrecorded(trace_dir, endings)
    if failed and unrecorded:
        said.append(f"{_name_some(unrecorded)} had recorded nothing")
    elif unrecorded and not said:
        said.append(f"exit code {code}, before {_name_some(unrecorded)} had recorded anything")
    elif not said:
        said.append(_tell_what_is_known(code, endings))
    kind = OutcomeKind.EXITED
    if code == 0:
        kind = OutcomeKind.RAISED if failed else OutcomeKind.KILLED
    return Outcome(kind, code or None, "; ".join(said))


def _tell_who_had_ended(endings: Sequence[_Ending], failed: Sequence[_Ending]) -> list[str]:
    """Say which ranks had ended by themselves when the first one failed: it may have waited for
    them."""
    told = []
    for ending in endings:
        is_over = ending.process.is_rank and ending.outcome.kind is OutcomeKind.COMPLETED
        if failed and is_over and ending.written_ns < failed[0].written_ns:
            told.append(f"{ending.name} had ended before, after {_count(ending.steps, 'step')}")
    return told[:_MOST_TOLD]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _list_unrecorded(trace_dir: Path, endings: Sequence[_Ending]) -> list[str]:
    """Return the ranks that were started and have left no trace."""
    recorded = {ending.process.rank for ending in endings}
    return [f"rank {rank}" for rank in list_ranks(trace_dir) if rank not in recorded]


def _tell_what_is_known(code: int, endings: Sequence[_Ending]) -> str:
    """Say how a command failed of whose processes none has said that it did."""
    if endings:
        return f"exit code {code}, and nothing that was recorded had failed"
    return f"exit code {code}"


def _name_some(names: Sequence[str]) -> str:
    text = ", ".join(names[:_MOST_TOLD])
    if len(names) > _MOST_TOLD:
        text += f" and {len(names) - _MOST_TOLD} more"
    return text


def _is_main(ending: _Ending, endings: Sequence[_Ending]) -> bool:
    """Return True for a rank, and for what no process of the program has started and trained.

    Workers are often ended by whoever started them.
    """
    if ending.process.is_rank:
        return True
    starters = (other.label for other in endings if other is not ending)
    return ending.steps > 0 and not any(ending.label.startswith(f"{one}-") for one in starters)


def _shorten(ending: _Ending) -> str:
    detail = ending.outcome.detail or f"exit code {ending.outcome.code}"
    return detail if len(detail) <= _MOST_CHARACTERS else f"{detail[:_MOST_CHARACTERS]}…"


def _drop_earlier_starts(endings: Sequence[_Ending]) -> list[_Ending]:
    """Return the endings without those of ranks that a launcher has started anew: all together."""
    ranks = [ending.process.restart for ending in endings if ending.process.is_rank]
    latest = max(ranks, default=0)
    return [
        ending
        for ending in endings
        if not ending.process.is_rank or ending.process.restart == latest
    ]


def _read_endings(trace_dir: Path) -> list[_Ending]:
    found = []
    for folder in sorted(trace_dir.glob(f"{CHILD_PREFIX}*")):
        try:
            header = read_header(folder)
            written_ns = (folder / RUN_FILE).stat().st_mtime_ns
        except (OSError, TraceError):
            # One that was killed before it began has none.
            continue
        ending = _Ending(
            label=folder.name.removeprefix(CHILD_PREFIX),
            process=ProcessFacts(**header["process"]),
            outcome=outcome_of_row(header["outcome"]),
            steps=header["steps"],
            written_ns=written_ns,
        )
        found.append(ending)
    return found
