"""Facts for the pictures of a page, small and made by hand."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.model.aligned_ops import AlignedOps, Stretch
from reproaudit.model.events import EventKind, Location
from reproaudit.model.excerpt import Excerpt
from reproaudit.model.growth import DIFFERS, EQUAL, Distances, Growth, GrowthTensor
from reproaudit.model.packed import pack
from tests.report.cases import ONE_DIVERGENCE

NOTHING = pack("<u4", b"")


def make_growth(name: str = "layers.1.weight", steps: int = 2) -> Growth:
    return Growth(
        runs=(0, 1),
        tensors=(GrowthTensor(EventKind.GRADIENT, name, "float32[800, 800]", "worker"),),
        first_step=0,
        steps=steps,
        cells=pack("|u1", bytes([EQUAL, *[DIFFERS] * (steps - 1)])),
        at=NOTHING,
        differing=NOTHING,
        max_ulp=pack("<f8", b""),
        max_abs=pack("<f4", b""),
        histograms=(Distances(0, 1, (("1", 3),)),),
    )


def make_ops(
    op: str = "aten::mul", rows: int = 3, path: str = "train.py", folder: str = "run-0"
) -> AlignedOps:
    byte = pack("|u1", bytes(rows))
    stretch = Stretch(
        process="",
        first_row=0,
        total=rows,
        state=byte,
        phase=byte,
        op=pack("|u1", b"\1" * rows),
        module=byte,
        location=pack("|u1", b"\1" * rows),
        step=pack("<i4", bytes(4 * rows)),
    )
    locations = (Location("", 0), Location(path, 41, "forward"))
    return AlignedOps((0, 1), (folder, "run-1"), ("", op), locations, (stretch,))


EXCERPT = Excerpt("train.py", 39, ("def forward(self, x):", "\ty = x", "    return y[x]", ""))
GROWN = replace(ONE_DIVERGENCE, growth=make_growth(), ops=make_ops(), excerpts=(EXCERPT,))
