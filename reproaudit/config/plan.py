"""Owns the order that a run is given: the plan, which the recorder reads as PLAN.json."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated

from reproaudit.codec import (
    AtLeast0,
    AtLeast1,
    Malformed,
    Wanted,
    decode,
    encode,
    parse_json,
    quote,
)
from reproaudit.config.held_seed import HeldSeed
from reproaudit.config.portions import Portions
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import UsageError
from reproaudit.model.events import Level, Phase

PLAN_FORMAT = 1
PLAN_SUFFIX = ".plan.json"

_Count = Annotated[int, AtLeast0]
_PhaseNumber = Annotated[
    int, Wanted("the number of a phase", lambda value: value in Phase.__members__.values())
]


@dataclass(frozen=True, slots=True)
class Target:
    """One call of an op whose values are wanted: the `occurrence`-th, from 0, of `name` with all
    else as given."""

    name: str
    location_path: str
    location_line: _Count
    phase: _PhaseNumber
    step: _Count
    occurrence: _Count
    thread: _Count = 0
    location_cell: _Count = 0


@dataclass(frozen=True, slots=True)
class Pin:
    """All calls of one op at one line, in one phase: a source whose outputs later runs are given
    from a reference."""

    name: str
    location_path: str
    location_line: _Count
    phase: _PhaseNumber
    location_cell: _Count = 0


class StopWay(str, Enum):
    """How a program is stopped that is to be gone on with later."""

    EXCEPTION = "exception"  # as its optimizer has stepped; `except Exception` does not catch it
    SIGTERM = "sigterm"  # the signal, as its optimizer has stepped: the program may answer it
    # By an exception as its optimizer is about to step once more, and so after whatever it saves
    # between the two steps.
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Stop:
    """Where and how the program is stopped: when it has made `step` steps.

    What it does then is recorded to its end, unlike that of one that has made all its `steps`.
    """

    step: Annotated[int, AtLeast1]
    way: StopWay


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything one run needs to know. `steps` None: to the program's end.

    `steps_of_children` is the same for the processes that the program starts; None: as `steps`.
    `goes_on_s`: the program itself, though it has made `steps`, goes on while it has not run for so
    many seconds. One of several ranks does not: the others would wait for it.
    `values_mb` bounds values.safetensors. `alerts`: find the ops that
    `use_deterministic_algorithms` refuses, and record nothing of them; `is_brief`: until steps
    bring no new op; `probes`: find them in a run that records ops, on copies of what each is given.
    `keep` chooses boundary tensors by (EventKind, name, step); empty keeps what fits. `lines`:
    follow the program's own lines and the Python values that each changes. `pins`: without a
    `reference` the outputs of these calls are kept; with one, the path of a trace that kept them,
    each call is given the reference's outputs. `slices_mb` bounds slices.safetensors, digests of
    the slices of what each op read and wrote; 0: none. `by_content`: what ops read and wrote is
    digested in logical order, so that equal contents are equal in whatever memory format.
    `portions`: how a callable is given the rows of a batch; None: it is called as it is.
    `outside`: follow how DataLoaders and seeds use random streams, and at operation level what
    brings the outside world in (clocks, generators, listings, files). `streams`: follow the draws
    from generators of the program's own too, and when seeds and determinism flags are set.
    `copies`: folders that stand in the place of others, and these; what lies there is shown as if
    it lay here. `stop`: the program is interrupted before its end, as by a crash. `state`: follow
    what the program needs to go on from a checkpoint, what its checkpoints hold, and what it loads.
    `kept_streams`: the step whose random streams are kept in the folder of the trace;
    `given_streams`: the file in which another run has kept them, for this one's first step.
    `held_seeds`: calls that seed are given what another run gave them.
    """

    trace_dir: Path
    subject: SubjectSpec
    level: Level = Level.BOUNDARY
    steps: Annotated[int, AtLeast1] | None = None
    steps_of_children: Annotated[int, AtLeast1] | None = None
    goes_on_s: float = 0.0
    settings: Settings = field(default_factory=Settings)
    values_mb: _Count = 0
    alerts: bool = False
    probes: bool = False
    is_brief: bool = False
    digests: bool = True
    targets: tuple[Target, ...] = ()
    keep: tuple[tuple[int, str, int], ...] = ()
    lines: bool = False
    pins: tuple[Pin, ...] = ()
    reference: str = ""
    slices_mb: _Count = 0
    by_content: bool = False
    portions: Portions | None = None
    outside: bool = True
    streams: bool = False
    copies: tuple[tuple[str, str], ...] = ()
    stop: Stop | None = None
    state: bool = False
    kept_streams: _Count | None = None
    given_streams: str = ""
    held_seeds: tuple[HeldSeed, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)


def name_plan_file(trace_dir: str | Path) -> str:
    """Return the file in which a plan is written, beside the folder of the trace."""
    return f"{trace_dir}{PLAN_SUFFIX}"


def find_trace_dir(plan_path: str) -> str:
    """Return the folder of the trace, given the file of the plan: it may not be readable."""
    return plan_path.removesuffix(PLAN_SUFFIX)


def to_json(plan: RunPlan) -> str:
    """Return PLAN.json, the same bytes for the same plan."""
    document = encode(RunPlan, plan) | {"format": PLAN_FORMAT}
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def from_json(text: str) -> RunPlan:
    """Read PLAN.json strictly: anything but what `to_json` wrote is a UsageError."""
    try:
        document = parse_json(text)
        version = document.pop("format", None) if isinstance(document, dict) else None
        if version != PLAN_FORMAT:
            found = quote(version)
            raise Malformed(f"its format is {found}, this reproaudit reads {PLAN_FORMAT}")
        plan: RunPlan = decode(RunPlan, document)
        _check_subject(plan.subject)
    except Malformed as fault:
        raise UsageError(
            f"cannot read the run's plan: {fault}",
            code="plan-invalid",
            hint="the audited Python must find the same version of reproaudit as the one that "
            "started it",
        ) from None
    return plan


def _check_subject(subject: SubjectSpec) -> None:
    names = (subject.path, subject.module, subject.program)
    has_attribute = subject.kind in (SubjectKind.ATTRIBUTE, SubjectKind.PYTEST)
    if sum(map(bool, names)) != 1 or has_attribute != bool(subject.attribute):
        raise Malformed(
            "its subject is neither a program or a command, nor an attribute of one file or module"
        )
