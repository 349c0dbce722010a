"""Owns what a result says of a run that was stopped and gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reproaudit.model.question import (
    CheckpointFile,
    LostState,
    Restoration,
    Resumption,
    StateKind,
)
from reproaudit.report.wording import show_name, show_prose

STATES = {
    StateKind.DATA_POSITION: "position in the data",
    StateKind.SAMPLER_EPOCH: "epoch of the sampler",
    StateKind.RANDOM_STREAM: "random stream",
    StateKind.PARAMETERS: "parameters",
    StateKind.BUFFERS: "buffers",
    StateKind.OPTIMIZER: "optimizer",
    StateKind.SCHEDULER: "scheduler",
    StateKind.SCALER: "gradient scaler",
    StateKind.AVERAGE: "averaged parameters",
    StateKind.ACCUMULATION: "accumulated gradients",
    StateKind.PYTHON_VALUE: "Python value",
}
_RESTORATIONS = {
    Restoration.NOT_RESTORED: "not restored",
    Restoration.SHIFTED: "restored, then changed before it was used",
    Restoration.WRONG: "restored to something else",
}
_SHORT = {
    Restoration.NOT_RESTORED: "not restored",
    Restoration.SHIFTED: "shifted",
    Restoration.WRONG: "wrong",
}
# What happens, or ought to, in the line of a lost state.
_LINES = {
    Restoration.NOT_RESTORED: "to be restored here",
    Restoration.SHIFTED: "changed here",
    Restoration.WRONG: "restored here",
}
_STOPS = {
    "exception": "by an exception",
    "SIGTERM": "by SIGTERM",
    "checkpoint": "once it had written a checkpoint",
    "its own end": "by its own end",
}


@dataclass(frozen=True, slots=True)
class LostRow:
    """State that a resumed run lacks, in words; each is empty where there is nothing to say."""

    state: str
    name: str
    became: str
    expected: str
    found: str
    line: str
    checkpoint: str
    evidence: tuple[str, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A checkpoint in words."""

    path: str
    writer: str
    step: int
    line: str
    holds: str


def name_lost(lost: LostState, *, with_what_became: bool = True) -> str:
    """Return `scheduler StepLR (not restored)`."""
    said = STATES[lost.kind]
    if lost.name.strip():
        said += f" {show_name(lost.name)}"
    if with_what_became:
        said += f" ({_SHORT[lost.restoration]})"
    return said


def word_lost(lost: LostState) -> LostRow:
    """Return what is said of state that a resumed run lacks."""
    line = ""
    if lost.location is not None:
        line = f"{show_name(str(lost.location))} ({_LINES[lost.restoration]})"
    return LostRow(
        state=STATES[lost.kind],
        name=show_name(lost.name),
        became=_RESTORATIONS[lost.restoration],
        expected=show_prose(lost.expected),
        found=show_prose(lost.found),
        line=line,
        checkpoint=_word_checkpoint(lost.in_checkpoint),
        evidence=tuple(map(show_prose, lost.evidence)),
        advice=show_prose(lost.advice),
    )


def word_lost_in_full(lost: LostState) -> str:
    """Say on one line what was lost, what came in its place, and what is to be done."""
    row = word_lost(lost)
    said = f"the resumed run lacks the {name_lost(lost, with_what_became=False)}: {row.became}"
    if row.line:
        said += f", {row.line}"
    if row.expected or row.found:
        said += f"; uninterrupted {row.expected or 'unknown'}, resumed {row.found or 'unknown'}"
    if row.checkpoint:
        said += f"; the checkpoint {row.checkpoint}"
    return f"{said}. Advice: {row.advice}" if row.advice else said


def word_checkpoint_file(checkpoint: CheckpointFile) -> CheckpointRow:
    """Return what is said of a checkpoint."""
    holds = ", ".join(STATES[kind] for kind in checkpoint.holds)
    line = show_name(checkpoint.location.place) if checkpoint.location is not None else ""
    return CheckpointRow(
        path=show_name(checkpoint.path),
        writer=show_name(checkpoint.writer),
        step=checkpoint.step,
        line=line,
        holds=holds or "no state that is known",
    )


def list_resumption_facts(resumption: Resumption) -> Iterator[tuple[str, str]]:
    """Yield what was done, each beside its label."""
    stopped = _STOPS.get(resumption.stopped_by, f"by {show_prose(resumption.stopped_by)}")
    if resumption.asked is not None:
        stopped += f"; asked for was step {resumption.asked}"
    yield "stopped", stopped
    if resumption.step is not None:
        yield "resumed", f"at step {resumption.step}, as the uninterrupted run counts"
    if resumption.command.strip():
        yield "by", show_prose(resumption.command)
    if resumption.held:
        held = ", ".join(map(show_name, resumption.held))
        yield "with", f"{held}, for without it the program differs from run to run"


def _word_checkpoint(is_in: bool | None) -> str:
    if is_in is None:
        return ""
    return "holds it" if is_in else "does not hold it"
