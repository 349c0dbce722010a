"""Small results of which pictures can be drawn, made by hand."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reproaudit.model.aligned_ops import AlignedOps, RowState, Stretch
from reproaudit.model.events import EventKind, Location, Phase
from reproaudit.model.excerpt import Excerpt
from reproaudit.model.growth import Growth, GrowthTensor
from reproaudit.model.packed import Packed, pack
from reproaudit.model.result import AuditResult
from tests.report.cases import ONE_DIVERGENCE

CODES = {"|u1": "B", "<u2": "H", "<u4": "I", "<i4": "i", "<f4": "f", "<f8": "d"}
MARKUP = "[bold red]x[/]"
CONTROL = "\x1b[31m\u202e:smile:\n"


def column(dtype: str, items: Sequence[float]) -> Packed:
    return pack(dtype, array(CODES[dtype], items).tobytes())


def make_growth(
    rows: Mapping[tuple[EventKind, str], Sequence[int]],
    exact: Mapping[int, float] | None = None,
    *,
    first_step: int = 0,
) -> Growth:
    """Return the growth of tensors with these codes in each step; `exact` has distances in ULP by
    the place among all cells."""
    exact = exact or {}
    steps = len(next(iter(rows.values())))
    cells = [code for row in rows.values() for code in row]
    return Growth(
        runs=(0, 1),
        tensors=tuple(GrowthTensor(kind, name, "float32[2]") for kind, name in rows),
        first_step=first_step,
        steps=steps,
        cells=column("|u1", cells),
        at=column("<u4", list(exact)),
        differing=column("<u4", [1] * len(exact)),
        max_ulp=column("<f8", list(exact.values())),
        max_abs=column("<f4", [0.5] * len(exact)),
    )


def make_ops(
    rows: Sequence[tuple[RowState, str]],
    *,
    first_row: int = 0,
    total: int | None = None,
    path: str = "train.py",
) -> AlignedOps:
    """Return one stretch of calls, each from the line of its number."""
    names = sorted({op for _, op in rows})
    count = len(rows)
    return AlignedOps(
        runs=(0, 1),
        folders=("run-0", "run-1"),
        strings=("", *names, "layers.1"),
        locations=(Location("", 0), *(Location(path, line) for line in range(1, count + 1))),
        stretches=(
            Stretch(
                process="",
                first_row=first_row,
                total=count if total is None else total,
                state=column("|u1", [state for state, _ in rows]),
                phase=column("|u1", [Phase.FORWARD] * count),
                op=column("<u2", [1 + names.index(op) for _, op in rows]),
                module=column("<u2", [1 + len(names)] * count),
                location=column("<u2", range(1, count + 1)),
                step=column("<i4", [0] * count),
            ),
        ),
    )


OPS = make_ops(
    [
        *[(RowState.EQUAL, "aten::mm")] * 6,
        (RowState.UNCOMPARED, "aten::view"),
        (RowState.SOURCE, "aten::index_put_"),
        (RowState.CARRIER, "aten::add"),
        (RowState.ABSORBED, "aten::gt"),
        (RowState.ONLY_A, "aten::relu"),
        (RowState.ONLY_B, "aten::gelu"),
        *[(RowState.EQUAL, "aten::mm")] * 6,
    ],
    first_row=100,
    total=1_000,
)
GROWTH = make_growth(
    {
        (EventKind.OUTPUT, "loss"): [1, 1, 1, 4],
        (EventKind.GRADIENT, "a"): [1, 1, 2, 2],
        (EventKind.GRADIENT, "b"): [1, 4, 7, 34],
        (EventKind.PARAMETER, "a"): [1, 1, 1, 1],
    },
    {3: 1, 9: 1, 10: 2, 11: 1_024},
)
EXCERPT = Excerpt(
    "train.py",
    36,
    (
        *(f"line_{number} = {number}" for number in range(36, 41)),
        "x[index] += 1",
        "",
        "",
        "",
        "end",
    ),
)
DRAWN: AuditResult = replace(ONE_DIVERGENCE, growth=GROWTH, ops=OPS, excerpts=(EXCERPT,))


def make_hostile() -> AuditResult:
    """Return a result whose every name is markup for rich, or an order to a terminal."""
    name = MARKUP + CONTROL
    (finding,) = ONE_DIVERGENCE.findings
    location = Location(f"{name}.py", 41, name)
    assert finding.fix is not None
    hostile = replace(
        finding,
        op=name,
        module=name,
        title=name,
        location=location,
        fix=replace(finding.fix, advice=name, patch=("--- a", "+++ b", f"+{name}")),
    )
    return replace(
        ONE_DIVERGENCE,
        headline=name,
        subject=name,
        folder="",
        findings=(hostile, hostile),
        growth=make_growth({(EventKind.GRADIENT, name): [1, 4]}),
        ops=make_ops([(RowState.SOURCE, name)], path=name),
        excerpts=(Excerpt(location.path, 41, (name,)),),
        next_commands=(name,),
    )
