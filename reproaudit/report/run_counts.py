"""Owns the words for runs that were made beyond the usual ones, and for what a fix costs in run
time."""

from __future__ import annotations

from reproaudit.model.result import AuditResult, Fix

_MOST_NUMBERS = 12  # of runs that are named: the JSON report has all
_LEAST_COST = 1.1  # below this a ratio of run times is no cost that anyone would notice


def word_further_runs(result: AuditResult) -> str:
    """Say why more or fewer runs were made than usual; empty where it were as many."""
    total = sum(map(len, result.classes)) or len(result.runs)
    if result.spared_runs:
        usual = total + result.spared_runs
        return f"{total} runs instead of {usual}: they differ, and further ones would not undo it"
    if not result.further_runs:
        return ""
    usual = total - result.further_runs
    return (
        f"{total} runs instead of {usual}, because equal runs showed that the program could "
        f"differ: {result.further_because}"
    )


def word_load(result: AuditResult) -> str:
    """Say which runs were made beside busy processes; empty where none was."""
    loaded = result.loaded_runs
    if not loaded:
        return ""
    shown = ", ".join(map(str, loaded[:_MOST_NUMBERS]))
    left = len(loaded) - _MOST_NUMBERS
    if left > 0:
        shown += f" and {left:,} more"
    noun = "run" if len(loaded) == 1 else "runs"
    return f"beside a busy process on each core: {noun} {shown}{_compare_idle(result)}"


def _compare_idle(result: AuditResult) -> str:
    """Say it where the runs on an idle machine are equal, and those beside busy processes not."""
    loaded = set(result.loaded_runs)
    idle = sorted(sum(run not in loaded for run in group) for group in result.classes)
    if len(idle) < 2 or idle[-2] > 0 or idle[-1] < 2:
        return ""
    return f"; the {idle[-1]:,} others are equal"


def word_cost(fix: Fix) -> str:
    """Say what a fix costs, where that is more than plain runs differ in time among themselves."""
    if fix.slowdown is None:
        return ""
    if fix.slowdown < max(_LEAST_COST, fix.plain_spread or 0.0):
        return "no measurable cost"
    return f"run time × {fix.slowdown:.2f}"
