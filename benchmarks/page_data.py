"""Results that no audit made, of any size, for what draws them: the streams of two long runs, the
growth of a difference over many tensors and steps, many findings.

python benchmarks/page_data.py DIR [--rows 1000000] [--tensors 2000] [--steps 1000]
                               [--findings 10000]

Writes `DIR/streams.json`, `DIR/growth.json` and `DIR/findings.json`, each a result.json. The same
sizes and seed give the same bytes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reproaudit.model.aligned_ops import AlignedOps, RowState, Stretch
from reproaudit.model.cause import Cause
from reproaudit.model.difference import Difference
from reproaudit.model.events import (
    EventKind,
    Level,
    Location,
    Outcome,
    OutcomeKind,
    Phase,
)
from reproaudit.model.growth import (
    ABSENT,
    DIFFERS,
    EQUAL,
    MEASURED,
    NAN,
    NO_ULP,
    UNLIKE,
    Distances,
    Growth,
    GrowthTensor,
    code_of_ulp,
)
from reproaudit.model.packed import Packed, pack
from reproaudit.model.result import (
    AuditResult,
    Confidence,
    Evidence,
    Finding,
    Fix,
    RunSummary,
    TensorDivergence,
)
from reproaudit.model.verdict import Verdict
from reproaudit.report.json_report import to_json

RUNS = (0, 1)
OPS = 150
MODULES = 100
LINES = 400
STEPS = 1000
MOST_COMPARED = 20_000
FIRST_DIFFERENCE = 0.02  # of the way through
_NAMES = (
    "mm addmm bmm add.Tensor mul.Tensor div.Tensor sum "
    "mean.dim _softmax native_layer_norm gelu relu embedding "
    "index_put_ index_add_ scatter_add_ copy_ view transpose.int "
    "t _to_copy detach sqrt addcdiv_ addcmul_ lerp_.Scalar"
).split()

Column = npt.NDArray[np.int64]


def make_ops(rows: int, *, steps: int = STEPS, seed: int = 0) -> AlignedOps:
    """Return the aligned operators of two runs of a training loop: one process, one stretch.

    Every step makes nearly the same calls; a few are made by one run alone. Some 2 % of the way in
    the first difference is born, and carried from there on.
    """
    random = np.random.default_rng(seed)
    per_step = max(rows // steps, 1)
    at = np.arange(rows)
    step = np.minimum(at // per_step, steps - 1)
    in_step = at - step * per_step
    eighth = in_step * 8 // per_step
    phase = np.where(eighth < 3, Phase.FORWARD, Phase.BACKWARD)
    phase[eighth == 7] = Phase.OPTIMIZER
    phase[in_step == 0] = Phase.DATA
    place = in_step % per_step
    op_of_place = random.integers(1, OPS + 1, place.max() + 1)
    line_of_place = np.sort(random.integers(1, LINES + 1, place.max() + 1))
    module_of_place = 1 + OPS + np.arange(place.max() + 1) * MODULES // (place.max() + 1)
    module = np.where(phase == Phase.OPTIMIZER, 0, module_of_place[place])
    # Some calls depend on the data: no step is quite like another.
    other_place = random.integers(0, place.max() + 1, rows)
    seen_place = np.where(random.random(rows) < 0.02, other_place, place)
    return AlignedOps(
        runs=RUNS,
        folders=("operations-0", "operations-1"),
        strings=("", *_name_ops(), *_name_modules()),
        locations=(Location("", 0), *_list_lines()),
        stretches=(
            Stretch(
                process="",
                first_row=0,
                total=rows,
                state=_column("|u1", _make_states(random, place, rows)),
                phase=_column("|u1", phase),
                op=_column("|u1", op_of_place[seen_place]),
                module=_column("|u1", module),
                location=_column("<u2", line_of_place[seen_place]),
                step=_column("<i4", step),
            ),
        ),
    )


def _make_states(random: np.random.Generator, place: Column, rows: int) -> Column:
    states = np.full(rows, RowState.EQUAL, dtype=np.int64)
    first = int(rows * FIRST_DIFFERENCE)
    # Of some places every call carries the difference; the calls before them are still equal.
    carries = random.random(place.max() + 1) < 0.6
    states[first:] = np.where(carries[place[first:]], RowState.CARRIER, RowState.EQUAL)
    uncompared = random.random(place.max() + 1) < 0.15  # views
    states[uncompared[place]] = RowState.UNCOMPARED
    states[first] = RowState.SOURCE
    for state, share in (
        (RowState.SOURCE, 1e-4),
        (RowState.ABSORBED, 2e-3),
        (RowState.ONLY_A, 5e-4),
        (RowState.ONLY_B, 5e-4),
    ):
        chosen = first + np.flatnonzero(random.random(rows - first) < share)
        states[chosen] = state
    return states


def _name_ops() -> list[str]:
    return [
        *(f"aten::{name}" for name in _NAMES),
        *(f"custom::op_{number}" for number in range(OPS - len(_NAMES))),
    ]


def _name_modules() -> list[str]:
    parts = ("attention.query", "attention.key", "attention.value", "norm", "mlp.up")
    return [f"blocks.{n // len(parts)}.{parts[n % len(parts)]}" for n in range(MODULES)]


def _list_lines() -> list[Location]:
    files = ("train.py", "model/block.py", "model/attention.py", "data/loader.py")
    return [
        Location(files[n * len(files) // LINES], 10 + n, f"function_{n // 12}")
        for n in range(LINES)
    ]


def make_growth(tensors: int, steps: int = STEPS, *, seed: int = 0) -> Growth:
    """Return the growth of a difference that spreads from one tensor over all, and grows."""
    random = np.random.default_rng(seed)
    first_step = int(steps * FIRST_DIFFERENCE)
    rows = np.arange(tensors)[:, None]
    columns = np.arange(steps)[None, :]
    # The later tensors are reached later; a few never.
    source = tensors // 2
    reached = first_step + np.abs(rows - source) * steps // (4 * tensors)
    reached[random.random(tensors) < 0.05] = steps
    ulps = np.exp2(np.clip((columns - reached) / steps * 30, 0, 30) + random.normal(0, 1, (1, 1)))
    ulps = np.maximum(np.round(ulps * np.exp(random.normal(0, 0.5, (tensors, steps)))), 1)
    differs = columns >= reached
    cells = np.where(differs, DIFFERS, EQUAL).astype(np.uint8)
    cells[random.random(tensors) < 0.02, : steps // 3] = ABSENT
    cells[random.random((tensors, steps)) < 1e-4] = UNLIKE
    at = np.flatnonzero(cells.ravel() == DIFFERS)
    kept = at[:: max(len(at) // MOST_COMPARED, 1)][:MOST_COMPARED]
    max_ulp = ulps.ravel()[kept]
    codes = np.array([code_of_ulp(int(ulp)) for ulp in max_ulp], dtype=np.uint8)
    odd = random.random(len(kept))
    codes[odd < 2e-3] = NAN
    codes[odd > 0.995] = NO_ULP
    max_ulp[(codes == NAN) | (codes == NO_ULP)] = 0
    cells.ravel()[kept] = codes
    max_abs = np.where(codes == NAN, np.nan, np.maximum(max_ulp, 1) * 2.0**-24)
    assert codes.min() >= MEASURED
    return Growth(
        runs=RUNS,
        tensors=tuple(_list_tensors(tensors)),
        first_step=0,
        steps=steps,
        cells=_column("|u1", cells),
        at=_column("<u4", kept),
        differing=_column("<u4", random.integers(1, 4096, len(kept))),
        max_ulp=_column("<f8", max_ulp),
        max_abs=_column("<f4", max_abs),
        histograms=tuple(_make_histograms(random, kept, max_ulp, steps)),
        not_compared=len(at) - len(kept),
    )


def _list_tensors(count: int) -> list[GrowthTensor]:
    kinds = (EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)
    leaves = ("weight", "bias")
    found = [GrowthTensor(EventKind.BATCH, "batch[0]", "float32[64, 3, 32, 32]")]
    modules = _name_modules()
    while len(found) < count:
        number = len(found)
        kind = kinds[number * len(kinds) // count]
        name = f"{modules[number % MODULES]}.{number // MODULES}"
        if kind is not EventKind.OUTPUT:
            name += f".{leaves[number % 2]}"
        found.append(GrowthTensor(kind, name, "float32[768, 768]"))
    return found[:count]


def _make_histograms(
    random: np.random.Generator, kept: Column, max_ulp: Column, steps: int
) -> list[Distances]:
    """Return those of the first and the last compared cell of each row."""
    rows = kept // steps
    _, firsts = np.unique(rows, return_index=True)
    lasts = np.append(firsts[1:], len(rows)) - 1
    found = []
    for at in np.unique([firsts, lasts]).tolist():
        if max_ulp[at]:
            ends = [1 << n for n in range(int(max_ulp[at] - 1).bit_length() + 1)]
            counts = random.integers(1, 500, len(ends)).tolist()
            histogram = tuple((str(end), count) for end, count in zip(ends, counts, strict=True))
            found.append(Distances(int(rows[at]), int(kept[at] % steps), histogram))
    return found


def _column(dtype: str, values: npt.NDArray[np.generic]) -> Packed:
    return pack(dtype, values.astype(dtype).tobytes())


def make_findings(count: int, *, seed: int = 0) -> tuple[Finding, ...]:
    """Return findings of all causes, with all that a finding may have."""
    random = np.random.default_rng(seed)
    causes = tuple(Cause)
    ops, modules, lines = _name_ops(), _name_modules(), _list_lines()
    found = []
    for number in range(count):
        cause = causes[int(random.integers(len(causes)))]
        ulp = int(random.integers(1, 1 << 20))
        patch = ("--- a/train.py", "+++ b/train.py", "@@ -1,2 +1,3 @@", " import torch", "+x = 1")
        found.append(
            Finding(
                rule="RA401",
                cause=cause,
                title=f"finding {number:,}: an operator that gives another result in each run",
                phase=Phase(int(random.integers(1, 4))),
                step=int(random.integers(STEPS)),
                op=ops[int(random.integers(len(ops)))],
                module=modules[int(random.integers(len(modules)))],
                location=lines[int(random.integers(len(lines)))],
                count=int(random.integers(1, 1000)),
                evidence=Evidence(observed=True, replayed=bool(number % 2), declared=False),
                difference=Difference(
                    elements=4096,
                    differing=int(random.integers(1, 4096)),
                    max_ulp=ulp,
                    max_abs=ulp * 2.0**-24,
                    max_rel=ulp * 2.0**-23,
                    first_index=(0, 1),
                    ulp_histogram=(("1", 30), ("2", 7)),
                ),
                fix=Fix(
                    settings=("kernels.deterministic",),
                    advice="call torch.use_deterministic_algorithms(True) before training",
                    verified=number % 3 == 0,
                    runs=5,
                    slowdown=1.03,
                    patch=patch if number % 10 == 0 else (),
                ),
            )
        )
    return tuple(found)


def make_result(
    *, rows: int = 0, tensors: int = 0, steps: int = STEPS, findings: int = 1, seed: int = 0
) -> AuditResult:
    """Return the result of an audit of two classes, with as much of everything as is asked for."""
    growth = make_growth(tensors, steps, seed=seed) if tensors else None
    divergence = TensorDivergence(
        kind=EventKind.GRADIENT,
        name="blocks.3.mlp.up.0.weight",
        step=int(steps * FIRST_DIFFERENCE),
        phase=Phase.BACKWARD,
        runs=RUNS,
        tensor="float32[768, 768]",
        difference=Difference(elements=589_824, differing=3_812, max_ulp=4, max_abs=1.2e-7),
    )
    ended = Outcome(OutcomeKind.COMPLETED, 0)
    return AuditResult(
        verdict=Verdict.NOT_REPRODUCIBLE,
        headline="2 of 5 runs are equal; they differ from step 20 on",
        subject="train.py",
        runs=tuple(RunSummary(n, ended, steps, 3 * steps, Level.BOUNDARY) for n in range(5)),
        classes=((0, 2), (1,), (3,), (4,)),
        steps=steps,
        confidence=Confidence(divergence_rate=0.75, rate_interval=(0.19, 0.99)),
        findings=make_findings(findings, seed=seed),
        divergences=(divergence,),
        divergences_total=1,
        compared=(("batch", steps), ("output", steps), ("gradient", steps), ("parameter", steps)),
        environment=(("python", "3.11.14"), ("torch", "2.13.0")),
        growth=growth,
        ops=make_ops(rows, steps=steps, seed=seed) if rows else None,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--tensors", type=int, default=2_000)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--findings", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    small = make_result(steps=options.steps, seed=options.seed)
    results = {
        "streams": replace(
            small, ops=make_ops(options.rows, steps=options.steps, seed=options.seed)
        ),
        "growth": replace(
            small, growth=make_growth(options.tensors, options.steps, seed=options.seed)
        ),
        "findings": replace(small, findings=make_findings(options.findings, seed=options.seed)),
    }
    for name, result in results.items():
        path = options.folder / f"{name}.json"
        path.write_text(to_json(result), encoding="utf-8")
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
