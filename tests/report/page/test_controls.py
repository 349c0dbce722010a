"""What a reader does with the page: themes, copying, saving, tables, the keyboard."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.tab import Tab
from tests.report.page.conftest import Pages
from tests.report.page.results import PICTURES

ENTER, TAB, CONTROL = "\ue007", "\ue004", "\ue009"  # as WebDriver writes keys
GROUND = "return getComputedStyle(document.body).backgroundColor"


@contextlib.contextmanager
def shown(tab: Tab, page: Path, *, framed: bool) -> Iterator[None]:
    """Open the page alone or in a tracker's sandbox; what is asked goes to it."""
    if not framed:
        tab.open(page)
        yield
        return
    tab.open_in_sandbox(page)
    with tab.frame():
        yield


@pytest.mark.parametrize("framed", [False, True])
def test_the_button_changes_the_colours_that_the_system_chose(
    tab: Tab, write_page: Pages, framed: bool
) -> None:
    tab.prefer("dark")
    with shown(tab, write_page(PICTURES), framed=framed):
        dark = tab.run(GROUND)
        tab.prefer("light")
        light = tab.run(GROUND)
        assert dark != light
        for ground in (dark, light, dark):
            tab.click(tab.find("button.theme")[0])
            assert tab.run(GROUND) == ground
        tab.prefer("dark")
        assert tab.run(GROUND) == dark


@pytest.mark.parametrize("framed", [False, True])
def test_a_command_is_copied_with_a_button(tab: Tab, write_page: Pages, framed: bool) -> None:
    with shown(tab, write_page("graph_net"), framed=framed):
        command = tab.find(".command")[1]
        button = command.find_element("css selector", "button")
        tab.click(button)
        tab.wait_until("return arguments[0].textContent === 'Copied'", button)
        tab.run(
            "const box = document.createElement('textarea'); "
            "document.body.append(box); box.id = 'pasted'; box.focus()"
        )
        tab.press("v", holding=CONTROL)
        pasted = tab.run("return document.getElementById('pasted').value")
        assert pasted == "reproaudit explain RA401"


@pytest.mark.parametrize("framed", [False, True])
def test_a_table_is_saved_as_csv_or_shown_to_be_copied_where_saving_is_forbidden(
    tab: Tab, write_page: Pages, tmp_path: Path, framed: bool
) -> None:
    tab.allow_downloads(tmp_path)
    with shown(tab, write_page("five_sources"), framed=framed):
        tab.click(tab.find("#findings [data-action=csv]")[0])
        if framed:
            text = tab.run("return document.querySelector('#findings textarea').value")
        else:
            text = tab.wait_for_file(tmp_path / "findings.csv")
        rows = list(csv.reader(io.StringIO(text)))
        assert rows[0] == [head.text for head in tab.find("#findings thead th")]
        assert len(rows) == 1 + len(tab.find("#findings tbody tr:not(.more)"))
        places = [row[rows[0].index("line")] for row in rows[1:]]
        assert places[0] == "examples/five_sources/train.py:13"
        assert (tmp_path / "findings.csv").exists() is not framed


def test_a_long_table_is_turned_filtered_and_sorted(tab: Tab, write_page: Pages) -> None:
    tab.open(write_page("10000-findings"))

    def column(name: str) -> list[str]:
        heads = [head.text for head in tab.find("#findings thead th")]
        return tab.run(
            "return [...document.querySelectorAll('#findings tbody tr:not(.more)')]"
            ".map((row) => row.cells[arguments[0]].textContent)",
            heads.index(name),
        )

    assert column("step") == [str(step) for step in range(50)]
    tab.click(tab.find("#findings .pager button")[1])
    assert column("step")[0] == "50"
    head = next(one for one in tab.find("#findings thead button") if one.text == "step")
    tab.click(head)
    assert column("step")[0] == "9,999"
    tab.click(head)
    assert column("step")[0] == "0"
    tab.find("#findings input[type=search]")[0].send_keys("hash-order")
    assert set(column("cause")) == {"hash-order"}
    assert len(column("cause")) == 50
    tab.find("#findings input[type=search]")[0].send_keys(" and nothing")
    assert column("cause") == []


# What the Tab key must reach, in this order; what is not shown has no boxes.
REACHABLE = """
const all = "a[href], button, input, select, textarea, summary, [tabindex='0']";
return [...document.querySelectorAll(all)].filter((node) =>
  !node.disabled && node.getClientRects().length && getComputedStyle(node).visibility === "visible")
"""
FOCUSED = """
const node = document.activeElement;
if (node === document.body) return null;
const style = getComputedStyle(node);
const isOutlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
const isMarked = isOutlined || style.boxShadow !== "none";
return [window.reachable.indexOf(node), isMarked, node.outerHTML.slice(0, 120)];
"""


@pytest.mark.parametrize("name", ["five_sources", PICTURES])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    tab: Tab, write_page: Pages, name: str
) -> None:
    tab.open(write_page(name))
    count = tab.run(f"window.reachable = (() => {{ {REACHABLE} }})(); return reachable.length")
    assert count > 15
    reached, unmarked = [], []
    for _ in range(2 * count):
        tab.press(TAB)
        focused = tab.run(FOCUSED)
        if focused is None:
            break
        number, is_marked, text = focused
        reached.append(number)
        if not is_marked:
            unmarked.append(text)
    assert [number for number in reached if number >= 0] == list(range(count))
    assert unmarked == []


def test_parts_are_opened_by_the_keyboard(tab: Tab, write_page: Pages) -> None:
    tab.open(write_page("five_sources"))
    tab.run("document.querySelector('#classes summary').focus()")
    tab.press(ENTER)
    tab.wait_until("return document.querySelector('#classes details[open] table') !== null")
    tab.run("document.querySelectorAll('#findings button.opener')[1].focus()")
    tab.press(ENTER)
    assert len(tab.find("#findings tr.more:not([hidden]) article.finding")) == 1
    tab.press(ENTER)
    assert tab.find("#findings tr.more:not([hidden])") == []


def test_a_word_says_what_it_means_when_it_has_the_focus(tab: Tab, write_page: Pages) -> None:
    tab.open(write_page("graph_net"))
    tab.run("document.querySelector('.evidence button.term').focus()")
    assert tab.find("[role=tooltip]")[0].is_displayed()
    assert len(tab.find("[role=tooltip]")[0].text) > 20
    tab.press("\ue00c")  # Escape
    assert not any(tip.is_displayed() for tip in tab.find("[role=tooltip]"))
