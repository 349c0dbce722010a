"""The two pictures as they are seen: the ring is where the pointer finds the first difference, and
a filter of thousands of operators shows as many as NumPy counts."""

from __future__ import annotations

import numpy as np
import pytest

from reproaudit.model.aligned_ops import RowState
from reproaudit.model.packed import Packed, unpack
from tests.browser.tab import Tab
from tests.report.page.conftest import Pages
from tests.report.page.results import PICTURES, RINGED, make_result

GROWTH, STREAM = "[data-picture=growth]", "[data-picture=stream]"
# The middle of all that is drawn in the colour of the ring, from the canvas's left upper corner.
RING = """
const canvas = document.querySelector("[data-role=heat-map]");
const { width, height } = canvas;
const copy = Object.assign(document.createElement("canvas"), { width, height });
const context = copy.getContext("2d", { willReadFrequently: true });
context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--bad");
context.fillRect(0, 0, 1, 1);
const wanted = context.getImageData(0, 0, 1, 1).data;
context.drawImage(canvas, 0, 0);
const { data } = context.getImageData(0, 0, width, height);
let [left, right, top, bottom] = [width, -1, height, -1];
for (let at = 0; at < data.length; at += 4) {
  if ([0, 1, 2].some((part) => Math.abs(data[at + part] - wanted[part]) > 2)) continue;
  const [x, y] = [(at / 4) % width, Math.floor(at / 4 / width)];
  [left, right] = [Math.min(left, x), Math.max(right, x)];
  [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
}
const scale = canvas.getBoundingClientRect().width / width;
return right < 0 ? null : [(left + right) / 2 * scale, (top + bottom) / 2 * scale];
"""


def facts(tab: Tab, picture: str) -> dict[str, str]:
    found: dict[str, str] = tab.run(
        "return {...document.querySelector(arguments[0]).dataset}", picture
    )
    return found


def fill(tab: Tab, picture: str, text: str) -> None:
    field = tab.find(f"{picture} [data-role=filter]")[0]
    field.clear()
    field.send_keys(text)


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_cell_of_the_first_difference_is_ringed(
    tab: Tab, write_page: Pages, scheme: str, width: int
) -> None:
    tab.prefer(scheme)
    tab.resize(width)
    tab.open(write_page(RINGED))
    canvas = tab.find("[data-role=heat-map]")[0]
    tab.run("arguments[0].scrollIntoView({ block: 'center' })", canvas)
    shown = facts(tab, GROWTH)
    assert (shown["ringedRow"], shown["ringedStep"]) == ("d.weight", "12")
    x, y = tab.run(RING)
    size = tab.run(
        "const box = arguments[0].getBoundingClientRect(); return [box.width, box.height]", canvas
    )
    tab.move_to(canvas, round(x - size[0] / 2), round(y - size[1] / 2))
    pointed = facts(tab, GROWTH)
    assert (pointed["cursorRow"], pointed["cursorStep"]) == ("d.weight", "12")
    figures = tab.find("[data-role=figures]")[0].text
    assert "d.weight" in figures
    assert "step 12" in figures


def test_the_ring_is_gone_while_its_tensor_is_filtered_out(tab: Tab, write_page: Pages) -> None:
    tab.open(write_page(RINGED))
    assert tab.run(RING) is not None
    fill(tab, GROWTH, "b.weight")
    assert facts(tab, GROWTH)["tensorsShown"] == "1"
    assert tab.run(RING) is None


def column(packed: Packed) -> np.ndarray:
    return np.frombuffer(unpack(packed), dtype=packed.dtype)


def test_a_filter_shows_the_operators_that_it_names_and_no_others(
    tab: Tab, write_page: Pages
) -> None:
    ops = make_result(PICTURES).ops
    assert ops is not None
    (stretch,) = ops.stretches
    named = np.array(["index_put_" in text for text in ops.strings])[column(stretch.op)]
    differs = ~np.isin(column(stretch.state), [RowState.EQUAL, RowState.UNCOMPARED])
    assert 0 < (named & differs).sum() < named.sum() < len(named) == 5_000

    tab.open(write_page(PICTURES))
    assert facts(tab, STREAM)["rowsTotal"] == "5000"
    fill(tab, STREAM, "index_put_")
    shown = facts(tab, STREAM)
    assert (shown["filter"], shown["rowsShown"]) == ("index_put_", str(named.sum()))
    tab.click(tab.find(f"{STREAM} [data-role=only-differing]")[0])
    assert facts(tab, STREAM)["rowsShown"] == str((named & differs).sum())
    fill(tab, STREAM, "no such operator")
    assert facts(tab, STREAM)["rowsShown"] == "0"
    fill(tab, STREAM, "/index_put_$/")
    assert facts(tab, STREAM)["rowsShown"] == str((named & differs).sum())
