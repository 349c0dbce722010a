"""The ops that the determinism flag refuses, and what else only the run that tries it shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reproaudit.comparison.interning import Interned
from reproaudit.diagnose.races import DeviceRace, read_device_races, warn_of_races
from reproaudit.diagnose.rank_misuse import find_rank_misuse
from reproaudit.diagnose.refusals import collect_alerts
from reproaudit.errors import SubjectError
from reproaudit.experiment.early_end import EarlyEnd
from reproaudit.model.events import Level, NotChecked, OutcomeKind, ProgramWarning, Unchecked
from reproaudit.model.result import Alert
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

_WHAT = "ops that use_deterministic_algorithms refuses"
_OF_RANKS = "numbers and samples that ranks have in common or lack (RA508, RA509, RA510)"
_OF_STREAMS = "uses of one tensor that streams of the GPU race for (RA504, RA505)"
# Made after the runs that decide, and compared with nothing.
REQUEST_REFUSED = RunRequest(
    name="alerts",
    index=0,
    what="finding refused operators",
    level=Level.OPERATION,
    alerts=True,
    digests=False,
    values_mb=0,
    is_brief=True,
)
# Why that run was not made.
NOT_COME_TO = "the audit was interrupted before"
NOT_IN_A_GLANCE = "an audit without --fast finds them"
SWITCHED_OFF = "it was switched off"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedOps:
    """The ops that the flag refuses; None: it is not known. `races` are of a run that watches
    streams."""

    alerts: tuple[Alert, ...] | None = None
    races: tuple[DeviceRace, ...] = ()
    warnings: tuple[ProgramWarning, ...] = ()
    notes: tuple[NotChecked, ...] = ()


def request_refused(*, to_end: bool) -> RunRequest:
    """Return the request of the run that tries the flag; `to_end`: in all steps of the audit."""
    return replace(REQUEST_REFUSED, is_brief=False) if to_end else REQUEST_REFUSED


def list_not_looked_for(run: Run, why: str) -> list[NotChecked]:
    """Return what is not known of the program of `run`, for no run tried the flag on its ops.

    That run also compares ranks with each other, and watches the streams of a GPU.
    """
    notes = [NotChecked(Unchecked.REFUSALS_NOT_LOOKED_FOR, _WHAT, why)]
    if run.world > 1:
        notes.append(NotChecked(Unchecked.RANKS_NOT_COMPARED, _OF_RANKS, why))
    if "gpu" in run.main.header["environment"]:
        notes.append(NotChecked(Unchecked.STREAMS_UNWATCHED, _OF_STREAMS, why))
    return notes


def may_ask_meanwhile(run: Run) -> bool:
    """Return True if a run that records the program's ops may ask the flag about them as well.

    Streams of a GPU are watched, and draws of ranks compared, only in a run of its own.
    """
    return run.world < 2 and "gpu" not in run.main.header["environment"]


def find_refused_ops(
    lab: RunMaker, request: RunRequest, *, plain: Run, interned: Interned, end: EarlyEnd
) -> RefusedOps:
    """Make one run with the determinism flag tried on each op; it is compared with nothing.

    Nothing here may lose the verdict: what keeps it from being made is a note. `plain` is a run of
    the program as it is.
    """
    if end.has_come:
        return RefusedOps()
    try:
        return _read(lab.run(request), plain, interned)
    except (KeyboardInterrupt, BudgetSpent) as error:
        return RefusedOps(notes=(end.come(error, "after the runs that decide"),))
    except SubjectError as error:
        return RefusedOps(notes=(NotChecked(Unchecked.REFUSALS_CUT_SHORT, _WHAT, error.message),))


def read_asked(run: Run, plain: Run) -> RefusedOps:
    """Return what a run that records the program's ops was told."""
    return RefusedOps(alerts=collect_alerts(run.main), notes=_note_steps(run, plain))


def _note_steps(run: Run, plain: Run) -> tuple[NotChecked, ...]:
    """Say after which step nobody asked any more."""
    if run.outcome.kind is not OutcomeKind.STOPPED or run.steps >= plain.steps:
        return ()
    what = f"ops that use_deterministic_algorithms refuses after step {run.steps - 1}"
    why = "the run that asks about them ended there; --thorough looks at all steps"
    return (NotChecked(Unchecked.REFUSALS_CUT_SHORT, what, why),)


def _read(run: Run, plain: Run, interned: Interned) -> RefusedOps:
    notes: list[NotChecked] = []
    if not run.outcome.is_success:
        notes.append(
            NotChecked(
                Unchecked.REFUSALS_CUT_SHORT,
                "refused ops after the failure",
                f"that run ended early: {run.outcome.detail or run.outcome.kind.value}",
            )
        )
    notes += _note_steps(run, plain)
    notes += [note for note in run.main.notes if note.code is Unchecked.STREAMS_UNWATCHED]
    races = read_device_races(run.main)
    return RefusedOps(
        alerts=collect_alerts(run.main),
        races=races,
        warnings=(*find_rank_misuse(run, interned), *warn_of_races(races)),
        notes=tuple(notes),
    )
