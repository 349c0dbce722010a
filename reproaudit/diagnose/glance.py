"""Where two runs first differ and why, from what was recorded alone: nothing is tried."""

from __future__ import annotations

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged
from reproaudit.diagnose.attribute import settle_finding
from reproaudit.diagnose.diagnosis import Diagnosis
from reproaudit.diagnose.early import EarlyDiagnosis
from reproaudit.diagnose.locate import Locator
from reproaudit.diagnose.patching import Patcher
from reproaudit.diagnose.pinning import Pinning
from reproaudit.diagnose.races import DeviceRace
from reproaudit.diagnose.shares import unite_findings
from reproaudit.errors import SubjectError
from reproaudit.model.early import Tell, tell_nobody
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.model.result import Alert
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.request import RunMaker

_NOT_TRIED = NotChecked(
    Unchecked.NOT_PROVEN, "what repairs it", "nothing was tried; an audit without --fast does"
)


def glance(
    lab: RunMaker,
    judged: Judged,
    alerts: tuple[Alert, ...] | None = None,
    races: tuple[DeviceRace, ...] = (),
    *,
    interned: Interned,
    tell: Tell = tell_nobody,
) -> Diagnosis:
    """Record two runs that differ, and one in which the ops that differ first are repeated.

    A run that fails, Ctrl-C and the end of the budget end it: what was seen by then is the answer.
    """
    lab.start_budget()
    locator = Locator(lab, judged, alerts, races, interned=interned)
    cuda = "gpu" in judged.runs[0].main.header["environment"]
    pinning = Pinning(lab, locator, cuda)
    early = EarlyDiagnosis(tell, min(run.steps for run in judged.runs))
    notes = [_NOT_TRIED]
    was_interrupted = False
    pair = None
    try:
        pair = locator.find_plain_pair()
        if pair is not None:
            explanations = locator.explain(pair)
            early.tell_source(explanations)
            pinning.add(explanations, pair)
            pinning.repeat_calls()
    except BudgetSpent as error:
        notes.append(_note_end(f"its budget was spent{error}; --budget raises it"))
    except KeyboardInterrupt:
        was_interrupted = True
        notes.append(_note_end("it was interrupted"))
    except SubjectError as error:
        notes.append(_note_end(error.message))
    settled = [settle_finding(known.explained) for known in pinning.known]
    early.tell_causes(settled)
    has_ranks = judged.runs[0].world > 1
    patcher = Patcher(lab, interned, refuses=bool(alerts), may_run=False, has_ranks=has_ranks)
    findings = patcher.add(settled, ())
    return Diagnosis(
        findings=unite_findings(findings),
        recorded=pair,
        notes=(*notes, *locator.notes, *pinning.notes),
        was_interrupted=was_interrupted,
    )


def _note_end(why: str) -> NotChecked:
    return NotChecked(Unchecked.DIAGNOSIS_ENDED, "the rest of the diagnosis", why)
