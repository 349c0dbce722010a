"""Results whose pages are looked at: the cases of every report, the committed samples, and one with
pictures of everything."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from reproaudit.model.events import EventKind
from reproaudit.model.growth import EQUAL, Growth, GrowthTensor, code_of_ulp
from reproaudit.model.packed import pack
from reproaudit.model.result import AuditResult
from reproaudit.report.json_report import from_json
from tests.report.cases import CASES, ONE_DIVERGENCE

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ("graph_net", "five_sources", "ddp_kernel", "ddp_clean")
PICTURES = "pictures"
MARKUP = "markup"
RINGED = "ringed"
# What their fellows show too; of so many variations the page has the first ones.
LEFT_OUT = ("vary-equal", "vary-10000", "resume-equal", "seeds-expected")
NAMES = (*(case for case in CASES if case not in LEFT_OUT), *SAMPLES, PICTURES, MARKUP, RINGED)

# Names that a program may give to what it has, and that a page must show as they are.
TAG = "</script><script>window.planted = 1</script>"
HANDLER = "<img src=x onerror='window.planted = 2'>"
ADDRESS = "javascript:window.planted=3"
TEMPLATE = "${window.planted = 4}{{ planted }}<!--"


def make_result(name: str) -> AuditResult:
    if name in CASES:
        return CASES[name]
    if name in SAMPLES:
        text = (ROOT / "reports" / "samples" / name / "result.json").read_text(encoding="utf-8")
        return from_json(text)
    makers = {PICTURES: _draw_everything, MARKUP: _name_by_markup, RINGED: _differ_in_two_tensors}
    return makers[name]()


def _differ_in_two_tensors() -> AuditResult:
    """Return a result of 6 tensors over 40 steps: the 4th differs from step 12 on, the 2nd from
    step 15 on."""
    steps = 40
    cells = bytearray([EQUAL]) * (6 * steps)
    cells[1 * steps + 5 : 2 * steps] = [code_of_ulp(16)] * (steps - 5)
    cells[3 * steps + 2 : 4 * steps] = [code_of_ulp(2)] * (steps - 2)
    nothing = pack("<u4", b"")
    growth = Growth(
        runs=(0, 1),
        tensors=tuple(
            GrowthTensor(EventKind.GRADIENT, f"{letter}.weight", "float32[8]")
            for letter in "abcdef"
        ),
        first_step=10,
        steps=steps,
        cells=pack("|u1", bytes(cells)),
        at=nothing,
        differing=nothing,
        max_ulp=pack("<f8", b""),
        max_abs=pack("<f4", b""),
    )
    return replace(ONE_DIVERGENCE, growth=growth)


def _draw_everything() -> AuditResult:
    """Return a result with 60 tensors over 40 steps and 5,000 rows of operators."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import page_data
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    made = page_data.make_result(rows=5_000, tensors=60, steps=40, findings=3)
    return replace(made, trials=ONE_DIVERGENCE.trials)


def _name_by_markup() -> AuditResult:
    """Return a result in which every text that a program can choose is markup."""
    finding = ONE_DIVERGENCE.findings[0]
    assert finding.location is not None
    assert finding.fix is not None
    drawn = _draw_everything()
    assert drawn.growth is not None
    assert drawn.ops is not None
    tensors = drawn.growth.tensors
    growth = replace(
        drawn.growth,
        tensors=(
            replace(tensors[0], name=TAG),
            replace(tensors[1], name=HANDLER),
            replace(tensors[2], name=ADDRESS),
            *tensors[3:],
        ),
    )
    strings = drawn.ops.strings
    ops = replace(drawn.ops, strings=(strings[0], TAG, HANDLER, ADDRESS, *strings[4:]))
    return replace(
        ONE_DIVERGENCE,
        headline=f"first differs at {TAG}",
        subject=f"{HANDLER}.py",
        findings=(
            replace(
                finding,
                title=TEMPLATE,
                op=TAG,
                module=HANDLER,
                location=replace(finding.location, path=ADDRESS, function=TAG),
                fix=replace(finding.fix, advice=HANDLER, patch=(TAG, HANDLER, ADDRESS)),
            ),
            replace(finding, location=replace(finding.location, path=f"{TAG}.py")),
        ),
        divergences=tuple(
            replace(divergence, name=name)
            for divergence, name in zip(ONE_DIVERGENCE.divergences, (HANDLER, ADDRESS), strict=True)
        ),
        environment=((TAG, HANDLER), (ADDRESS, TEMPLATE)),
        next_commands=(f"echo {TAG}", ADDRESS),
        growth=growth,
        ops=ops,
    )
