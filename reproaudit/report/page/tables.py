"""Owns the tables of the page about runs, trials, ranks and tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.model.events import Level
from reproaudit.model.result import AuditResult, RunSummary, TensorDivergence, Trial
from reproaudit.report.run_counts import word_cost
from reproaudit.report.tensor_rows import leave_out_repeats
from reproaudit.report.wording import (
    is_after_last_step,
    name_ending,
    name_far,
    name_kind,
    name_oddities,
    name_phase,
    show_name,
    show_prose,
    show_real,
    show_whole,
    word_remark,
    word_trial,
)

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MOST_RANKS = 4096  # a stranger's result may name any number
_MOST_EXACT = 2**53  # above it a browser has no whole numbers


def name_class(number: int) -> str:
    """Return `A` for the first class, and a number where the letters have ended."""
    return _LETTERS[number] if number < len(_LETTERS) else str(number + 1)


def list_class_rows(result: AuditResult) -> list[dict[str, Any]]:
    """Return the classes of equal runs, the first run's first."""
    rows = []
    for number, group in enumerate(result.classes):
        rows.append({"name": name_class(number), "runs": list(group)})
    return rows


def list_run_rows(result: AuditResult) -> list[dict[str, Any]]:
    """Return how each run ended, and which others equal it."""
    classes: dict[int, str] = {}
    for number, group in enumerate(result.classes):
        classes |= dict.fromkeys(group, name_class(number))
    loaded = frozenset(result.loaded_runs)
    return [_make_run_row(run, classes.get(run.index, ""), loaded) for run in result.runs]


def _make_run_row(run: RunSummary, name: str, loaded: frozenset[int]) -> dict[str, Any]:
    row = {
        "index": run.index,
        "class": name,
        "is_plain": run.level is Level.BOUNDARY,
        "level": run.level.value,
        "ended": name_ending(run.outcome),
        "is_success": run.outcome.is_success,
        "detail": show_prose(run.outcome.detail),
        "steps": _to_number(run.steps),
        "events": _to_number(run.events),
        "ranks": run.ranks,
        "is_loaded": run.index in loaded,
    }
    if run.condition:
        row["condition"] = show_name(run.condition)
    return row


def list_trial_rows(result: AuditResult) -> list[dict[str, Any]]:
    """Return what was tried, in that order, and what it costs where that was measured."""
    costs = {}
    for finding in result.findings:
        fix = finding.fix
        if fix is not None and fix.slowdown is not None:
            costs[frozenset((*fix.settings, *fix.together))] = fix
    rows = []
    for trial in result.trials:
        fix = costs.get(frozenset(trial.settings)) if trial.is_equal else None
        rows.append(
            {
                "settings": list(map(show_name, trial.settings)),
                "meanings": [_explain(name) for name in trial.settings],
                "runs": trial.runs,
                "is_equal": trial.is_equal,
                "is_proof": trial.is_proof,
                "outcome": show_prose(word_trial(trial)),
                "state": _name_state(trial),
                "slowdown": _to_number(fix.slowdown) if fix else None,
                "cost": word_cost(fix) if fix else "",
            }
        )
    return rows


def _explain(name: str) -> str:
    return INTERVENTIONS[name].what if name in INTERVENTIONS else ""


def _name_state(trial: Trial) -> str:
    """Return `repaired`, `equal, no proof`, `differs` or `no answer`."""
    if trial.is_equal:
        return "repaired" if trial.is_proof else "equal, no proof"
    return "no answer" if trial.note else "differs"


def list_rank_rows(result: AuditResult) -> list[dict[str, Any]]:
    """Return for each rank the numbers of the findings that were seen there; none without ranks."""
    waited = [run.ranks for run in result.runs]
    world = max((finding.world for finding in result.findings), default=0)
    number = min(max(world, *waited, 0), _MOST_RANKS)
    rows: list[dict[str, Any]] = [{"rank": rank, "findings": []} for rank in range(number)]
    for place, finding in enumerate(result.findings, start=1):
        for rank in finding.ranks:
            if 0 <= rank < number:
                rows[rank]["findings"].append(place)
    return rows


def list_tensor_rows(result: AuditResult) -> list[dict[str, Any]]:
    """Return each tensor that differs in each step; `is_first` where it first does so."""
    first = set(map(id, leave_out_repeats(result.divergences)))
    rows = []
    for divergence in result.divergences:
        row = _make_tensor_row(divergence, result.end_step)
        rows.append(row | {"is_first": id(divergence) in first})
    return rows


def _make_tensor_row(divergence: TensorDivergence, end_step: int) -> dict[str, Any]:
    name = show_name(divergence.name)
    if divergence.occurrence > 1:
        name += f", call {divergence.occurrence}"
    step = str(divergence.step)
    if is_after_last_step(divergence.step, end_step):
        step = "end"
    row = {
        "kind": name_kind(divergence.kind),
        "name": name,
        "tensor": show_name(divergence.tensor),
        "step": step,
        "at": divergence.step,
        "phase": name_phase(divergence.phase),
        "runs": list(divergence.runs),
        "differing": None,
        "elements": None,
        "max_ulp": None,
        "ulp": "",
        "max_abs": None,
        "abs": "",
        "max_rel": None,
        "rel": "",
        "note": "; ".join(_list_remarks(divergence)),
    }
    found = divergence.difference
    if found is None:
        return row
    return row | {
        "differing": _to_number(found.differing),
        "elements": _to_number(found.elements),
        "max_ulp": _to_number(found.max_ulp),
        "ulp": name_far(found) or show_whole(found.max_ulp),
        "max_abs": _to_number(found.max_abs),
        "abs": show_real(found.max_abs),
        "max_rel": _to_number(found.max_rel),
        "rel": show_real(found.max_rel),
    }


def _list_remarks(divergence: TensorDivergence) -> Iterator[str]:
    remark = word_remark(divergence)
    if remark:
        yield show_prose(remark)
    found = divergence.difference
    if found is not None:
        yield from name_oddities(found)
        if found.within_tolerance:
            yield "within tolerance"


def _to_number(number: float | None) -> float | None:
    """Return what a browser can read and sort by; None for what it cannot."""
    if number is None or (isinstance(number, float) and not math.isfinite(number)):
        return None
    if abs(number) > _MOST_EXACT and isinstance(number, int):
        return float(number) if abs(number) < 10**300 else None
    return number
