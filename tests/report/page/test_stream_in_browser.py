"""The operator stream in a real browser: what it folds, finds, jumps to and says."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.model.aligned_ops import RowState
from reproaudit.model.packed import pack
from reproaudit.report import render
from tests.browser.chromium import Browser
from tests.browser.tab import Tab
from tests.report.page.drawn import (
    FIRST_STRETCH,
    FORWARD_ROWS,
    INDEX_PUT_ROWS,
    MISSING,
    ONLY_A_ROW,
    ROWS_PER_STEP,
    SOURCE_ROWS,
    list_states,
    make_drawn,
    make_ops,
)

ENTER, ESCAPE, HOME, END = "\ue007", "\ue00c", "\ue011", "\ue010"
UP, DOWN = "\ue013", "\ue015"
STREAM = ".stream canvas[data-role=stream]"
PIXELS = f"return document.querySelector('{STREAM}').toDataURL()"
STATES = list_states()
DIFFERING = [row for row, state in enumerate(STATES) if state is not RowState.EQUAL]
PLACE = "examples/net/train.py:40 in train"  # seen from the working folder
CONTEXT = 3  # rows shown on either side of one that differs
LEAST_FOLDED = 4


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stream") / "page.html"
    path.write_text(render(make_drawn(), "html"), encoding="utf-8")
    return path


def data(tab: Tab, name: str) -> str:
    return str(tab.run(f"return document.querySelector('.stream').dataset.{name} ?? ''"))


def here(tab: Tab) -> str:
    return str(tab.run("return document.querySelector('.stream [data-role=here]').textContent"))


def choose(tab: Tab, role: str, value: str) -> None:
    """Type or choose a value in a control."""
    tab.run(
        "const control = document.querySelector(`.stream [data-role=${arguments[0]}]`); "
        "control.value = arguments[1]; "
        "for (const kind of ['input', 'change']) control.dispatchEvent(new Event(kind))",
        role,
        value,
    )


def focus_stream(tab: Tab) -> None:
    tab.run(f"document.querySelector('{STREAM}').focus()")


def count_unfolded() -> int:
    """Return how many rows are shown at first: those that differ, and some around them."""
    shown = set()
    for row in DIFFERING:
        shown.update(range(max(row - CONTEXT, 0), min(row + CONTEXT + 1, len(STATES))))
    count = len(shown)
    hidden = 0
    for row in range(len(STATES) + 1):
        ends = row in shown or row in (FIRST_STRETCH, len(STATES))
        if ends:
            count += hidden if hidden < LEAST_FOLDED else 0
            hidden = 0
        hidden += row not in shown
    return count


def test_equal_stretches_are_folded(tab: Tab, page: Path) -> None:
    tab.open(page)
    assert data(tab, "rowsTotal") == str(len(STATES))
    assert data(tab, "rowsShown") == str(count_unfolded())
    assert 0 < count_unfolded() < len(STATES) / 2 + 20


def test_it_begins_at_the_first_source(tab: Tab, page: Path) -> None:
    tab.open(page)
    assert data(tab, "cursorRow") == str(SOURCE_ROWS[0])
    number = SOURCE_ROWS[0] + MISSING + 1
    assert here(tab) == (
        f"operator {number:,} · source · step 10 · forward · aten::index_put · layers.1 · {PLACE}"
    )


@pytest.mark.parametrize(
    ("typed", "rows"),
    [
        ("index_put", INDEX_PUT_ROWS),
        ("INDEX_PUT", INDEX_PUT_ROWS),
        ("/index_(put|add)$/", INDEX_PUT_ROWS),
        ("layers.1", range(1, 1000, 2)),
        ("net.py:12", range(0, 1000, 2)),
        ("in train", range(1, 1000, 2)),
        ("no such operator", ()),
    ],
)
def test_a_filter_leaves_the_rows_of_which_a_name_matches(
    tab: Tab, page: Path, typed: str, rows: list[int]
) -> None:
    tab.open(page)
    choose(tab, "filter", typed)
    assert data(tab, "rowsShown") == str(len(rows))
    assert data(tab, "filter") == typed
    focus_stream(tab)
    tab.press(END)
    assert data(tab, "cursorRow") == (str(rows[-1]) if rows else "")
    choose(tab, "filter", "")
    assert data(tab, "rowsShown") == str(count_unfolded())


def test_filters_are_combined(tab: Tab, page: Path) -> None:
    tab.open(page)
    choose(tab, "phase", "2")
    backward = [row for row in range(len(STATES)) if row % ROWS_PER_STEP >= FORWARD_ROWS]
    assert data(tab, "rowsShown") == str(len(backward))
    tab.run("document.querySelector('.stream [data-role=only-differing]').click()")
    both = set(backward) & set(DIFFERING)
    assert data(tab, "rowsShown") == str(len(both))
    choose(tab, "filter", "layers.0")
    assert data(tab, "rowsShown") == str(sum(row % 2 == 0 for row in both))


def test_only_what_differs_leaves_sources_carriers_and_rows_of_one_run(
    tab: Tab, page: Path
) -> None:
    tab.open(page)
    tab.run("document.querySelector('.stream [data-role=only-differing]').click()")
    assert data(tab, "rowsShown") == str(len(DIFFERING))


def test_what_the_file_does_not_hold_is_told(tab: Tab, page: Path) -> None:
    tab.open(page)
    status = tab.run("return document.querySelector('.stream .status').textContent")
    assert status == (
        "1,000 aligned operators, 2 sources; 777 more were not kept in this file; "
        "1,234 of other processes are not shown"
    )


def test_an_expression_that_cannot_be_read_is_told(tab: Tab, page: Path) -> None:
    tab.open(page)
    choose(tab, "filter", "/[/")
    assert data(tab, "rowsShown") == "0"
    status = tab.run("return document.querySelector('.stream .status').textContent")
    assert "cannot be read" in status


def test_keys_go_from_source_to_source(tab: Tab, page: Path) -> None:
    tab.open(page)
    focus_stream(tab)
    tab.press("n")
    assert data(tab, "cursorRow") == str(SOURCE_ROWS[1])
    tab.press("n")
    assert data(tab, "cursorRow") == str(SOURCE_ROWS[1])
    tab.press("p")
    assert data(tab, "cursorRow") == str(SOURCE_ROWS[0])
    tab.press(DOWN, DOWN)
    assert data(tab, "cursorRow") == str(SOURCE_ROWS[0] + 2)
    tab.press("/")
    assert tab.run("return document.activeElement.dataset.role") == "filter"


def test_a_fold_and_a_gap_say_what_they_hide(tab: Tab, page: Path) -> None:
    tab.open(page)
    focus_stream(tab)
    tab.press(HOME)
    assert here(tab) == "400 equal operators"
    tab.press(DOWN)
    assert here(tab) == f"{MISSING} operators not kept in this file"
    tab.press(ENTER)  # there is nothing to open
    assert data(tab, "rowsShown") == str(count_unfolded())


def test_a_fold_opens_in_steps(tab: Tab, page: Path) -> None:
    tab.open(page)
    focus_stream(tab)
    tab.press(HOME, ENTER)
    assert data(tab, "rowsShown") == str(count_unfolded() + 100)
    assert data(tab, "cursorRow") == "0"
    tab.press(*[DOWN] * 50)
    assert here(tab) == "300 equal operators"
    for opened in (200, 300, 400):
        tab.press(ENTER)
        tab.press(*[DOWN] * 50)
        assert data(tab, "rowsShown") == str(count_unfolded() + opened)


def test_a_row_in_full_has_both_runs(tab: Tab, page: Path) -> None:
    tab.open(page)
    focus_stream(tab)
    tab.press(ENTER)
    assert data(tab, "open") == str(SOURCE_ROWS[0])
    heads = [head.text for head in tab.find(".stream [data-role=detail] thead th")]
    assert heads == ["", "runs/first", "runs/second"]
    rows = [row.text for row in tab.find(".stream [data-role=detail] tbody tr")]
    assert rows[0] == "operator aten::index_put aten::index_put"
    assert rows[2] == f"line {PLACE} {PLACE}"
    tab.press(ESCAPE)
    assert data(tab, "open") == ""
    assert not tab.find(".stream [data-role=detail]")[0].is_displayed()


def test_a_row_of_one_run_leaves_the_other_side_empty(tab: Tab, page: Path) -> None:
    tab.open(page)
    choose(tab, "step", str(ONLY_A_ROW // ROWS_PER_STEP))
    focus_stream(tab)
    tab.press(*[DOWN] * (ONLY_A_ROW % ROWS_PER_STEP))
    assert data(tab, "cursorRow") == str(ONLY_A_ROW)
    assert "only in runs/first" in here(tab)
    tab.press(ENTER)
    rows = [row.text for row in tab.find(".stream [data-role=detail] tbody tr")]
    assert rows[1] == "module layers.0 –"
    tab.press(DOWN, ENTER)
    rows = [row.text for row in tab.find(".stream [data-role=detail] tbody tr")]
    assert rows[1] == "module – layers.1"


@pytest.mark.parametrize("step", [0, 15, 19])
def test_a_step_is_gone_to_even_where_it_is_folded(tab: Tab, page: Path, step: int) -> None:
    tab.open(page)
    choose(tab, "step", str(step))
    assert data(tab, "cursorRow") == str(step * ROWS_PER_STEP)


def test_a_step_that_is_not_there_is_told(tab: Tab, page: Path) -> None:
    tab.open(page)
    choose(tab, "step", "20")
    status = tab.run("return document.querySelector('.stream .status').textContent")
    assert "no operator of step 20" in status


def test_a_finding_is_gone_to_past_a_filter_that_hides_it(tab: Tab, page: Path) -> None:
    tab.open(page)
    choose(tab, "filter", "aten::mm")
    option = tab.find(".stream [data-role=finding] option")[1]
    assert "aten::index_put" in option.text
    choose(tab, "finding", str(option.get_attribute("value")))
    assert data(tab, "cursorRow") == str(SOURCE_ROWS[0])
    assert data(tab, "filter") == ""


def test_another_process_is_chosen(tab: Tab, page: Path) -> None:
    tab.open(page)
    choose(tab, "process", "rank 1")
    tab.wait_until("return document.querySelector('.stream').dataset.rowsTotal === '30'")
    assert data(tab, "rowsShown") == "0"  # all are equal, in one fold
    assert here(tab) == "30 equal operators"


def test_the_map_at_the_edge_leads_to_the_end(tab: Tab, page: Path) -> None:
    tab.open(page)
    canvas = tab.find(STREAM)[0]
    tab.run("arguments[0].scrollIntoView({ block: 'center' })", canvas)
    tab.run(
        "const box = arguments[0].getBoundingClientRect(); "
        "const where = { clientX: box.right - 5, clientY: box.bottom - 2, pointerId: 1 }; "
        "arguments[0].setPointerCapture = () => {}; "
        "for (const kind of ['pointerdown', 'pointerup']) "
        "arguments[0].dispatchEvent(new PointerEvent(kind, where))",
        canvas,
    )
    tab.wait_until(
        "const box = document.querySelector('.stream .scroller'); "
        "return box.scrollTop > 0 && box.scrollTop + box.clientHeight > box.scrollHeight - 2"
    )


def test_both_themes_have_colours_of_their_own(tab: Tab, page: Path) -> None:
    tab.prefer("dark")
    tab.open(page)
    tab.run_async("await new Promise(requestAnimationFrame)")
    dark = tab.run(PIXELS)
    tab.find("button.theme")[0].click()
    light = tab.run(PIXELS)
    assert light != dark
    tab.find("button.theme")[0].click()
    assert tab.run(PIXELS) == dark


def test_the_table_behind_has_the_rows_that_differ(tab: Tab, page: Path) -> None:
    tab.open(page)
    tab.run("document.querySelector('.stream details').open = true")
    tab.wait_until("return document.querySelector('.stream details tbody tr') !== null")
    text = tab.find(".stream details")[0].text
    assert f"{len(DIFFERING)} rows differ" in text
    first = tab.find(".stream details tbody tr")[0].text
    assert first == f"1,281 source 10 forward aten::index_put layers.1 {PLACE}"


@pytest.mark.parametrize(
    ("name", "damage"),
    [("data", "AAAA"), ("length", "7")],
)
def test_a_damaged_column_is_told_and_the_rest_of_the_page_is_there(
    browser: Browser, page: Path, tmp_path: Path, name: str, damage: str
) -> None:
    op = make_ops().stretches[1].op
    text = page.read_text(encoding="utf-8")
    whole = f'"length":{op.length},"data":"{op.data}"'
    assert text.count(whole) == 1
    length, packed = op.length, op.data
    if name == "data":
        packed = packed[:8] + damage + packed[12:]
    else:
        length = int(damage)
    broken = tmp_path / "broken.html"
    damaged = f'"length":{length},"data":"{packed}"'
    broken.write_text(text.replace(whole, damaged), encoding="utf-8")
    with browser.new_tab() as tab:
        tab.open(broken)
        assert "cannot be read" in tab.find("#stream")[0].text
        ringed = tab.run("return document.querySelector('.growth').dataset.ringedRow")
        assert ringed == "layers.0.bias"


def test_a_number_below_zero_is_that_of_no_operator(browser: Browser, tmp_path: Path) -> None:
    drawn = make_drawn()
    ops = make_ops()
    numbers = pack("<i4", struct.pack("<i", -1) * ops.stretches[1].rows)
    stretches = (ops.stretches[0], replace(ops.stretches[1], op=numbers), *ops.stretches[2:])
    broken = tmp_path / "broken.html"
    page = render(replace(drawn, ops=replace(ops, stretches=stretches)), "html")
    broken.write_text(page, encoding="utf-8")
    with browser.new_tab() as tab:
        tab.open(broken)
        assert "the column of operators names number -1" in tab.find("#stream")[0].text
