"""Whether a variation means anything for a program, and whether it took hold in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from reproaudit.config.launcher import find_world
from reproaudit.config.subject import SubjectSpec
from reproaudit.knowledge.variation import Need
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.model.events import EventKind, Unchecked
from reproaudit.runs.locales import is_installed
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.words import EPOCH_PREFIX, WORKER_PREFIX

_BATCH = "batch"  # what the names of what a DataLoader gives begin with


@dataclass(frozen=True, slots=True)
class Asked:
    """What a need is checked by: a run of the program as it is, what it runs, and the value."""

    plain: Run
    subject: SubjectSpec
    value: str

    @property
    def traces(self) -> Iterator[Trace]:
        for _, trace in self.plain.traces:
            yield trace


def find_unmet_need(name: str, value: str, plain: Run, subject: SubjectSpec) -> str:
    """Return why a value of a variation means nothing for the program; "" if it may."""
    entry = VARIATIONS.get(name)
    if entry is None:
        return ""
    asked = Asked(plain, subject, value)
    for need in entry.list_needs(value):
        if not _CHECKS[need](asked):
            return need.value
    return ""


def find_missing_effect(name: str, value: str, varied: Run) -> str:
    """Return why the variation did not take hold in the run; "" if it did, or nothing says so."""
    entry = VARIATIONS.get(name)
    if entry is None or not entry.fact:
        return ""
    for _, trace in varied.traces:
        if entry.is_value_of(trace.header["environment"], value):
            return ""
    return entry.unless


def _has_ranks(asked: Asked) -> bool:
    return asked.plain.world > 1


def _names_world(asked: Asked) -> bool:
    return find_world(asked.subject.argv) is not None


def _uses_gpu(asked: Asked) -> bool:
    return any("gpu" in trace.header["environment"] for trace in asked.traces)


def _loads(asked: Asked) -> bool:
    return _has_string(asked, EPOCH_PREFIX, _BATCH)


def _has_workers(asked: Asked) -> bool:
    return _has_string(asked, WORKER_PREFIX)


def _steps(asked: Asked) -> bool:
    return any(trace.columns.numbers(EventKind.PARAMETER).size for trace in asked.traces)


def _compiles(asked: Asked) -> bool:
    for trace in asked.traces:
        if any(note.code is Unchecked.COMPILED_REGIONS for note in trace.notes):
            return True
    return False


def _is_eager(asked: Asked) -> bool:
    return not _compiles(asked)


def _has_locale(asked: Asked) -> bool:
    return is_installed(asked.value)


def _has_string(asked: Asked, *starts: str) -> bool:
    return any(name.startswith(starts) for trace in asked.traces for name in trace.strings)


_CHECKS: Mapping[Need, Callable[[Asked], bool]] = {
    Need.RANKS: _has_ranks,
    Need.COMMAND: _names_world,
    Need.GPU: _uses_gpu,
    Need.LOADER: _loads,
    Need.WORKERS: _has_workers,
    Need.OPTIMIZER: _steps,
    Need.COMPILED: _compiles,
    Need.EAGER: _is_eager,
    Need.LOCALE: _has_locale,
}
