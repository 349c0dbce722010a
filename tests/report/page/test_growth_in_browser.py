"""The heat map in a real browser: what it rings, says of a cell, folds, finds and opens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reproaudit.model.growth import DIFFERS, EQUAL, UNLIKE, Distances, GrowthTensor, code_of_ulp
from reproaudit.report import render
from tests.browser.chromium import Browser
from tests.browser.tab import Tab
from tests.report.page.drawn import (
    CELLS,
    FIRST_DIFFERENT_STEP,
    FIRST_NAME,
    FIRST_STEP,
    TENSORS,
    ULP_3,
    column,
    make_drawn,
    make_growth,
)

ENTER, ESCAPE, HOME = "\ue007", "\ue00c", "\ue011"
LEFT, UP, RIGHT, DOWN = "\ue012", "\ue013", "\ue014", "\ue015"
MAP = ".growth canvas[data-role=heat-map]"
PIXELS = f"return document.querySelector('{MAP}').toDataURL()"
# The leftmost pixel of the colour in which the first difference is ringed, from the middle.
RING = """
const canvas = document.querySelector(arguments[0]);
const { width, height } = canvas;
const colour = getComputedStyle(document.documentElement).getPropertyValue("--bad").trim();
const wanted = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
for (let x = 0; x < width; x++) {
  for (let y = 0; y < height; y++) {
    const at = 4 * (y * width + x);
    const isWanted = wanted.every((one, channel) => data[at + channel] === one);
    if (isWanted) return [x - width / 2, y - height / 2];
  }
}
return null;
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("growth") / "page.html"
    path.write_text(render(make_drawn(), "html"), encoding="utf-8")
    return path


def write_growth(
    folder: Path, tensors: Sequence[GrowthTensor], codes: npt.NDArray[np.uint8]
) -> Path:
    """Write the page of a growth of which no cell was measured exactly."""
    nothing = {
        "at": column("<u4", []),
        "differing": column("<u4", []),
        "max_ulp": column("<f8", []),
        "max_abs": column("<f4", []),
    }
    growth = replace(
        make_growth(),
        tensors=tuple(tensors),
        steps=codes.shape[1],
        cells=column("|u1", codes.ravel().tolist()),
        histograms=(),
        **nothing,
    )
    page = folder / "page.html"
    page.write_text(render(replace(make_drawn(), growth=growth), "html"), encoding="utf-8")
    return page


def data(tab: Tab, name: str) -> str:
    return str(tab.run(f"return document.querySelector('.growth').dataset.{name} ?? ''"))


def figures(tab: Tab) -> str:
    return str(tab.run("return document.querySelector('.growth [data-role=figures]').innerText"))


def choose(tab: Tab, role: str, value: str) -> None:
    """Type or choose a value in a control."""
    tab.run(
        "const control = document.querySelector(`.growth [data-role=${arguments[0]}]`); "
        "control.value = arguments[1]; control.dispatchEvent(new Event('input'))",
        role,
        value,
    )


def click(tab: Tab, role: str) -> None:
    tab.run(f"document.querySelector('.growth [data-role={role}]').click()")


def focus_map(tab: Tab) -> None:
    tab.run(f"document.querySelector('{MAP}').focus()")


def test_the_first_cell_that_differs_is_ringed(tab: Tab, page: Path) -> None:
    tab.open(page)
    assert data(tab, "ringedRow") == FIRST_NAME
    assert data(tab, "ringedStep") == str(FIRST_DIFFERENT_STEP)
    canvas = tab.find(MAP)[0]
    tab.run("arguments[0].scrollIntoView({ block: 'center' })", canvas)
    x, y = tab.run(RING, MAP)
    tab.move_to(canvas, round(x + 10), round(y))
    assert figures(tab).splitlines()[0] == FIRST_NAME
    assert f"step {FIRST_DIFFERENT_STEP}" in figures(tab)


def test_the_ring_moves_to_the_module_that_is_folded_over_it(tab: Tab, page: Path) -> None:
    tab.open(page)
    click(tab, "fold")
    canvas = tab.find(MAP)[0]
    tab.run("arguments[0].scrollIntoView({ block: 'center' })", canvas)
    x, y = tab.run(RING, MAP)
    tab.move_to(canvas, round(x + 10), round(y))
    assert figures(tab).splitlines()[0] == "layers"


@pytest.mark.parametrize(
    ("row", "step", "words"),
    [
        (1, 10, "equal to the last bit"),
        (1, 12, "how far was not measured"),
        (1, 15, "about 4,096 ULP apart"),
        (2, 14, "in one run only, or of another shape or dtype"),
        (2, 15, "this dtype has no ULPs"),
        (3, 11, "at most 3 ULP apart"),
        (3, 11, "largest absolute difference 2.5e-7"),
        (3, 11, "2 of 8 (25 %) elements differ"),
        (3, 15, "at most 4,100 ULP apart"),
        (3, 15, "8 of 8 (100 %) elements differ"),
        (4, 14, "NaN on one side, or NaNs of other bits"),
        (5, 12, "not there in this step"),
    ],
)
def test_figures_say_what_is_known_of_a_cell(
    tab: Tab, page: Path, row: int, step: int, words: str
) -> None:
    tab.open(page)
    tensor = TENSORS[row]
    choose(tab, "filter", f"/^{tensor.name.replace('.', '[.]')}$/")
    choose(tab, "kind", tensor.kind.name.lower())
    assert data(tab, "tensorsShown") == "1"
    focus_map(tab)
    # The first key shows where the cursor is.
    tab.press(HOME, HOME, *[RIGHT] * (step - FIRST_STEP))
    assert data(tab, "cursorStep") == str(step)
    said = figures(tab)
    assert words in said
    assert tensor.name in said
    assert tensor.tensor in said


def test_arrow_keys_move_from_the_first_difference_on(tab: Tab, page: Path) -> None:
    tab.open(page)
    focus_map(tab)
    tab.press(DOWN)
    assert (data(tab, "cursorRow"), data(tab, "cursorStep")) == (FIRST_NAME, "11")
    tab.press(RIGHT, UP)
    assert (data(tab, "cursorRow"), data(tab, "cursorStep")) == ("layers.0.weight", "12")
    tab.press(LEFT, LEFT, LEFT, LEFT)
    assert data(tab, "cursorStep") == "10"


def test_folding_leaves_one_row_for_a_module(tab: Tab, page: Path) -> None:
    tab.open(page)
    # Three modules, and the tensors; a module of a single tensor has no row of its own.
    assert data(tab, "rowsShown") == str(len(TENSORS) + 3)
    click(tab, "fold")
    assert data(tab, "rowsShown") == "4"
    focus_map(tab)
    tab.press(DOWN)
    assert data(tab, "cursorRow") == "layers"
    # The largest of layers.0 and layers.1 there.
    assert "about 4,096 ULP" in figures(tab)
    tab.press(ENTER)
    assert data(tab, "rowsShown") == "6"
    click(tab, "unfold")
    assert data(tab, "rowsShown") == "11"


@pytest.mark.parametrize(
    ("typed", "count"),
    [
        ("layers.1", 2),
        ("LAYERS.1", 2),
        ("/weight$/", 4),
        ("/^(head|input)/", 2),
        ("input[0]", 1),
        ("no such name", 0),
    ],
)
def test_a_filter_leaves_the_tensors_whose_names_match(
    tab: Tab, page: Path, typed: str, count: int
) -> None:
    tab.open(page)
    choose(tab, "filter", typed)
    assert data(tab, "tensorsShown") == str(count)
    choose(tab, "filter", "")
    assert data(tab, "tensorsShown") == str(len(TENSORS))


def test_an_expression_that_cannot_be_read_is_told(tab: Tab, page: Path) -> None:
    tab.open(page)
    choose(tab, "filter", "/(/")
    assert data(tab, "tensorsShown") == "0"
    status = tab.run("return document.querySelector('.growth .status').textContent")
    assert "cannot be read" in status
    assert tab.find(".growth [data-role=filter]")[0].get_attribute("aria-invalid") == "true"


def test_only_what_differs_leaves_out_equal_and_absent_tensors(tab: Tab, page: Path) -> None:
    tab.open(page)
    click(tab, "only-differing")
    differing = [row for row in CELLS if any(code > 1 for code in row)]
    assert data(tab, "tensorsShown") == str(len(differing)) == "5"
    choose(tab, "kind", "parameter")
    assert data(tab, "tensorsShown") == "1"


def test_a_filter_that_hides_the_first_difference_is_taken_back_to_show_it(
    tab: Tab, page: Path
) -> None:
    tab.open(page)
    choose(tab, "filter", "head")
    click(tab, "first")
    assert data(tab, "tensorsShown") == str(len(TENSORS))
    assert data(tab, "cursorRow") == FIRST_NAME


def test_a_tensor_opens_with_its_histograms_and_its_way(tab: Tab, page: Path) -> None:
    tab.open(page)
    focus_map(tab)
    tab.press(DOWN, ENTER)
    assert data(tab, "open") == FIRST_NAME
    shown = tab.find(".growth [data-histogram-step]")
    assert [one.get_attribute("data-histogram-step") for one in shown] == ["11", "15"]
    titles = tab.run(
        "return [...document.querySelectorAll('.growth .bars title')].map((one) => one.textContent)"
    )
    assert titles == [
        "1 ULP: 1 element",
        "3 to 4 ULP: 1 element",
        "3 to 4 ULP: 5 elements",
        "4,097 to 8,192 ULP: 3 elements",
    ]
    assert len(tab.find(".growth .chart .uplot canvas")) == 1
    tab.press(ESCAPE)
    assert data(tab, "open") == ""
    assert tab.find(".growth .uplot") == []


def test_a_tensor_that_was_never_measured_says_so(tab: Tab, page: Path) -> None:
    tab.open(page)
    choose(tab, "filter", "input")
    focus_map(tab)
    tab.press(DOWN, ENTER)
    text = tab.find(".growth [data-role=detail]")[0].text
    assert "No step of this tensor was compared element by element" in text
    assert "no figure to draw" in text


def test_keys_zoom_in_on_steps_and_show_all_again(tab: Tab, tmp_path: Path) -> None:
    steps = 400
    codes = np.tile(np.ones(steps, np.uint8), (len(TENSORS), 1))
    codes[2, 200:] = ULP_3
    tab.open(write_growth(tmp_path, TENSORS, codes))
    assert data(tab, "stepsShown") == "10 409"
    focus_map(tab)
    tab.press(DOWN, "+")
    first, last = map(int, data(tab, "stepsShown").split())
    assert 190 < last - first < 210
    assert first < 210 < last  # where the cursor is
    tab.press(*[LEFT] * 150)
    first, last = map(int, data(tab, "stepsShown").split())
    assert first <= 60 <= last
    tab.press("0")
    assert data(tab, "stepsShown") == "10 409"


def test_a_key_leads_to_the_filter(tab: Tab, page: Path) -> None:
    tab.open(page)
    focus_map(tab)
    tab.press("/")
    assert tab.run("return document.activeElement.dataset.role") == "filter"


def test_both_themes_have_colours_of_their_own(tab: Tab, page: Path) -> None:
    tab.prefer("dark")
    tab.open(page)
    dark = tab.run(PIXELS)
    tab.find("button.theme")[0].click()
    light = tab.run(PIXELS)
    assert light != dark
    tab.find("button.theme")[0].click()
    assert tab.run(PIXELS) == dark


def test_the_table_behind_has_the_tensors_that_differ(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.run("document.querySelector('.growth details').open = true")
    tab.wait_until("return document.querySelector('.growth details tbody tr') !== null")
    rows = [row.text for row in tab.find(".growth details tbody tr")]
    assert len(rows) == 5
    assert rows[2] == "gradient layers.0.bias float32[8] 11 5 4,100"
    assert rows[0] == "output Net.output float32[4, 2] 12 4 about 4,096"


def test_a_damaged_column_is_told_and_the_rest_of_the_page_is_there(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    cells = make_growth().cells.data
    text = page.read_text(encoding="utf-8")
    assert text.count(cells) == 1
    broken = tmp_path / "broken.html"
    broken.write_text(text.replace(cells, cells[:8] + "AAAA" + cells[12:]), encoding="utf-8")
    with browser.new_tab() as tab:
        tab.open(broken)
        assert "cannot be read" in tab.find("#growth")[0].text
        assert tab.run("return document.querySelector('.stream').dataset.rowsTotal") == "1000"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"first_step": 1 << 60}, "its steps have no numbers"),
        ({"tensors": (), "steps": 1 << 60, "cells": column("|u1", [])}, "no tensor in any step"),
    ],
)
def test_numbers_that_a_browser_cannot_count_are_told(
    browser: Browser, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    growth = replace(make_growth(), **change)
    page = tmp_path / "page.html"
    page.write_text(render(replace(make_drawn(), growth=growth), "html"), encoding="utf-8")
    with browser.new_tab() as tab:
        tab.open(page)
        assert said in tab.find("#growth")[0].text


def test_a_column_that_claims_gigabytes_is_not_decoded(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    cells = make_growth().cells
    text = page.read_text(encoding="utf-8")
    whole = f'"length":{cells.length},"data":"{cells.data}"'
    assert text.count(whole) == 1
    broken = tmp_path / "broken.html"
    claimed = whole.replace(str(cells.length), str(1 << 31), 1)
    broken.write_text(text.replace(whole, claimed), encoding="utf-8")
    with browser.new_tab() as tab:
        tab.open(broken)
        assert "it would take 2147483648 bytes" in tab.find("#growth")[0].text


def test_distances_beyond_all_dtypes_are_drawn_to_an_end(tab: Tab, tmp_path: Path) -> None:
    growth = make_growth()
    odd = (Distances(3, 11, (("Infinity", 1),)),)
    growth = replace(growth, max_ulp=column("<f8", [math.inf, -1]), histograms=odd)
    page = tmp_path / "page.html"
    page.write_text(render(replace(make_drawn(), growth=growth), "html"), encoding="utf-8")
    tab.open(page)
    focus_map(tab)
    tab.press(DOWN, ENTER)
    assert len(tab.find(".growth .bars")) == 1
    assert len(tab.find(".growth .chart .uplot canvas")) == 1


@pytest.mark.parametrize("width", [1, 7, 40, 100, 333])
def test_a_pooled_column_has_the_largest_code_of_its_steps(
    tab: Tab, page: Path, width: int
) -> None:
    tab.open(page)
    random = np.random.default_rng(width)
    codes = random.integers(0, 256, 1000)
    start, end = 120.0, 453.0
    pooled = tab.run(
        "const [codes, start, end, width] = arguments; const pooled = new Uint8Array(width); "
        "growthCells.poolColumns(Uint8Array.from(codes), 0, start, end, pooled); "
        "return [...pooled]",
        codes.tolist(),
        start,
        end,
        width,
    )
    edges = start + np.arange(width + 1) * (end - start) / width
    expected = []
    for left, right in pairwise(edges):
        first = int(np.floor(left))
        last = max(first + 1, int(np.ceil(right - 1e-9)))
        expected.append(int(codes[first:last].max()))
    assert pooled == expected


def test_many_tensors_are_folded_but_for_the_modules_of_the_first_difference(
    tab: Tab, tmp_path: Path
) -> None:
    names = [f"blocks.{n // 40}.{n // 10 % 4}.{n % 10}" for n in range(400)]
    codes = np.ones((400, 2), np.uint8)
    codes[123, 1] = ULP_3
    tab.open(write_growth(tmp_path, [replace(TENSORS[2], name=name) for name in names], codes))
    assert data(tab, "ringedRow") == "blocks.3.0.3"
    assert int(data(tab, "rowsShown")) < 60
    focus_map(tab)
    tab.press(DOWN)
    assert data(tab, "cursorRow") == "blocks.3.0.3"
    click(tab, "unfold")
    assert data(tab, "rowsShown") == str(1 + 10 + 40 + 400)


def test_the_overview_leads_to_where_it_is_clicked(tab: Tab, tmp_path: Path) -> None:
    codes = np.ones((300, 20), np.uint8)
    codes[290, 10:] = ULP_3
    tensors = [replace(TENSORS[0], name=f"input[{n}]") for n in range(300)]
    tab.open(write_growth(tmp_path, tensors, codes))
    canvas = tab.find(MAP)[0]
    tab.run("arguments[0].scrollIntoView({ block: 'center' })", canvas)
    scrolled = "return document.querySelector('.growth .scroller').scrollTop"
    assert tab.run(scrolled) == 0
    tab.run(
        "const box = arguments[0].getBoundingClientRect(); "
        "const where = { clientX: box.right - 10, clientY: box.bottom - 15, pointerId: 1 }; "
        "arguments[0].setPointerCapture = () => {}; "
        "for (const kind of ['pointerdown', 'pointerup']) "
        "arguments[0].dispatchEvent(new PointerEvent(kind, where))",
        canvas,
    )
    assert tab.run(scrolled) > 300 * 18 / 2


def test_the_overview_has_the_largest_code_of_each_part(tab: Tab, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (300, 128)).astype(np.uint8)
    tensors = [replace(TENSORS[0], name=f"input[{n}]") for n in range(300)]
    tab.open(write_growth(tmp_path, tensors, codes))
    pooled = tab.run(
        "const rows = arguments[0]; const map = { growth: { steps: 128 }, "
        "lines: rows.map((codes) => ({ codes, module: null })), "
        "codesOf: (line) => ({ codes: Uint8Array.from(line.codes), start: 0 }) }; "
        "return [...growthOverview.poolMap(map, 64, 100)]",
        codes.tolist(),
    )
    expected = codes.reshape(100, 3, 64, 2).max(axis=(1, 3))
    assert pooled == expected.ravel().tolist()


@pytest.mark.parametrize(
    ("ulps", "named"),
    [
        ((3,), ["1 ULP", "16", "256"]),
        ((3, 5000), ["1 ULP", "16", "256", "4,096", "65,536"]),
        ((2**31,), ["1 ULP", "256", "65,536", "2^24", "2^32"]),
        ((2**63,), ["1 ULP", "65,536", "2^32", "2^48", "2^64"]),
    ],
)
def test_the_legend_names_distances_up_to_the_largest(
    tab: Tab, tmp_path: Path, ulps: tuple[int, ...], named: list[str]
) -> None:
    codes = np.array([[EQUAL, *map(code_of_ulp, ulps)]], np.uint8)
    tab.open(write_growth(tmp_path, TENSORS[:1], codes))
    ticks = [one.text for one in tab.find(".growth .ticks span")]
    assert ticks == named


def test_the_legend_has_no_distances_where_none_was_measured(tab: Tab, tmp_path: Path) -> None:
    codes = np.array([[EQUAL, DIFFERS, UNLIKE]], np.uint8)
    tab.open(write_growth(tmp_path, TENSORS[:1], codes))
    assert not tab.find(".growth .scale")[0].is_displayed()
    entries = [entry.text for entry in tab.find(".growth .legend .entry")]
    assert entries == [
        "equal",
        "differs, not measured",
        "other shape, or in one run only",
        "first difference",
    ]
