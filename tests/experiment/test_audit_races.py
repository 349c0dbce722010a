"""What an audit makes of races that its run for refused operators has recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.experiment.audit import AuditOptions, Experiment
from reproaudit.model.events import EventFlag, EventKind, NotChecked, Unchecked
from reproaudit.runs.lab import Lab
from reproaudit.runs.progress import Quiet
from reproaudit.trace.runs import MAIN_PROCESS, Run
from tests.compare.traces import Row, make_run

ROWS = [
    Row("aten::copy_.default", kind=EventKind.OP, line=5),
    Row(
        "aten::sum.default",
        kind=EventKind.ALERT,
        flags=EventFlag.RACED,
        line=8,
        shown="reads too early, by copy_ at",
    ),
    Row(
        "aten::histc.default",
        kind=EventKind.ALERT,
        line=9,
        shown="it has no deterministic implementation",
    ),
]


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    notes = (
        NotChecked(
            Unchecked.STREAMS_UNWATCHED,
            "synchronisation between CUDA streams",
            "torch lacks a part",
        ),
        NotChecked(Unchecked.NO_BYTES, "more", "was said"),
    )
    run = Run(0, ((MAIN_PROCESS, replace(make_run(tmp_path, 0, ROWS).main, notes=notes)),))
    monkeypatch.setattr(Lab, "run", lambda self, *words, **changes: run)
    subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="train.py")
    return Experiment(AuditOptions(subject), Quiet(), tmp_path)


def test_races_are_warnings_and_evidence_and_not_among_the_refused_operators(
    experiment: Experiment,
) -> None:
    alerts = experiment.find_alerts()
    assert [alert.op for alert in alerts] == ["aten::histc"]
    assert [race.location.line for race in experiment.races] == [8]
    (warning,) = experiment.warnings
    assert (warning.rule, warning.location) == ("RA504", experiment.races[0].location)
    assert warning.message.startswith("aten::sum at train.py:8 reads too early, by copy_ at ")


def test_what_could_not_be_watched_is_said(experiment: Experiment) -> None:
    experiment.find_alerts()
    assert [note.what for note in experiment.notes] == ["synchronisation between CUDA streams"]
