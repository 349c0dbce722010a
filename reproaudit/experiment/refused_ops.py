"""The run that tries the determinism flag on each op, and what else only that run shows."""

from __future__ import annotations

from dataclasses import dataclass

from reproaudit.compare.interning import Interned
from reproaudit.diagnose.misuse import find_misuse
from reproaudit.diagnose.races import DeviceRace, read_device_races, warn_of_races
from reproaudit.diagnose.rank_misuse import find_rank_misuse
from reproaudit.experiment.conclude import collect_alerts
from reproaudit.model.events import Level, NotChecked, ProgramWarning, Unchecked
from reproaudit.model.result import Alert
from reproaudit.runs.request import RunMaker, RunRequest

# Made after the runs that decide, and compared with nothing.
REQUEST_REFUSED = RunRequest(
    name="alerts",
    index=0,
    what="finding refused operators",
    level=Level.OPERATION,
    alerts=True,
    digests=False,
    values_mb=0,
)
NOT_LOOKED_FOR = NotChecked(
    Unchecked.REFUSALS_NOT_LOOKED_FOR,
    "ops that use_deterministic_algorithms refuses",
    "it was switched off",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedOps:
    """The ops that the flag refuses. It is the only run that watches streams: `races`."""

    alerts: tuple[Alert, ...]
    races: tuple[DeviceRace, ...]
    warnings: tuple[ProgramWarning, ...]
    notes: tuple[NotChecked, ...]


def find_refused_ops(lab: RunMaker, interned: Interned) -> RefusedOps:
    """Make one run with the determinism flag tried on each op; it is compared with nothing."""
    run = lab.run(REQUEST_REFUSED)
    notes: list[NotChecked] = []
    if not run.outcome.is_success:
        notes.append(
            NotChecked(
                Unchecked.REFUSALS_CUT_SHORT,
                "refused ops after the failure",
                f"that run ended early: {run.outcome.detail or run.outcome.kind.value}",
            )
        )
    notes += [note for note in run.main.notes if note.code is Unchecked.STREAMS_UNWATCHED]
    races = read_device_races(run.main)
    misuse = (*find_misuse(run), *find_rank_misuse(run, interned))
    return RefusedOps(
        alerts=collect_alerts(run.main),
        races=races,
        warnings=(*misuse, *warn_of_races(races)),
        notes=tuple(notes),
    )
