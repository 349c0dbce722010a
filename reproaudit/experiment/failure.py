"""The error of a program that failed under the audit: whether it fails alone, too, and if it does
not, what the audit changed."""

from __future__ import annotations

from reproaudit.config.settings import list_settings
from reproaudit.errors import SubjectError
from reproaudit.model.events import OutcomeKind
from reproaudit.runs.alone import AloneRun
from reproaudit.runs.lab import Lab
from reproaudit.trace.runs import Run

# Standard input is empty in an audit, and so it would be in a run alone.
_ASKS = ("EOFError",)
_ANSWER = "it asks a question, and an audit has no standard input: give the answer as an argument"
_PLAINLY = "no standard input, output in a file"


def make_failure_error(lab: Lab, run: Run, name: str, message: str) -> SubjectError:
    """Return the error of a run that failed, after the program was run once without us.

    `name` is that of the run, `message` says what became of it.
    """
    detail = run.outcome.detail
    # What several processes say stands by itself.
    joint = ", " if run.launcher is not None else " "
    ended = f"{run.outcome.kind.value}{joint}{detail}" if detail else run.outcome.kind.value
    if run.outcome.kind is OutcomeKind.EXITED and run.launcher is None:
        ended = f"it ended itself with exit code {run.outcome.code}"
    if run.outcome.detail.startswith(_ASKS):
        why = _ANSWER
    else:
        why = _explain(lab, lab.run_alone("alone", like=name))
    said = lab.log_of(name)
    printed = f"its last output:\n{said}" if said.strip() else "it printed nothing"
    return SubjectError(f"{message}: {ended}", code="subject-failed", hint=f"{why}; {printed}")


def _explain(lab: Lab, alone: AloneRun | None) -> str:
    changes = _list_changes(lab)
    changed = f"what was changed for the audit: {', '.join(changes)}"
    if alone is None:
        return changed if changes else "nothing was changed but that it was recorded"
    if alone.has_failed:
        last = alone.last_line.strip() or f"exit code {alone.code}"
        if lab.gives_fresh_files:
            return (
                f"without the recorder it fails in a copy of the project as well: {last}. "
                "Without --fresh-copy it is run in its own place"
            )
        return f"it fails without reproaudit as well ({_PLAINLY}): {last}"
    runs = "it runs alone"
    if alone.code is None:
        runs = f"alone it was still running after {alone.seconds:.0f} s"
    if changes:
        return f"{runs}; {changed}, and that it was recorded"
    return f"{runs}, and fails only recorded: that is a fault of reproaudit, please report it"


def add_changes(lab: Lab, error: SubjectError) -> SubjectError:
    """Return the error with what the audit changed, which may be why the program did so little."""
    changes = _list_changes(lab)
    if changes:
        error.hint += f"\n  what was changed for the audit: {', '.join(changes)}"
    return error


def _list_changes(lab: Lab) -> list[str]:
    """Say what makes the recorded runs other ones than a person's, besides the recorder."""
    changes = [f"{name}={text}" for name, text in list_settings(lab.settings)]
    if lab.gives_fresh_files:
        changes.append("files of its own and an empty TMPDIR (--fresh-copy)")
    return changes
