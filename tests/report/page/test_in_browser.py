"""The page in a real browser: it is drawn whole and silently, wherever it is shown, and says what
the result says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reproaudit.report import render_all
from tests.browser.chromium import Browser
from tests.browser.tab import Tab
from tests.report.page.conftest import Pages
from tests.report.page.results import (
    ADDRESS,
    HANDLER,
    MARKUP,
    NAMES,
    PICTURES,
    TAG,
    TEMPLATE,
    make_result,
)

PAYLOAD = "JSON.parse(document.getElementById('payload').textContent)"
TEXT = "return document.body.innerText"
WIDER = "return document.documentElement.scrollWidth - innerWidth"
# The list of the page's parts, above them where it is narrow, is not printed.
IS_ALL_OPEN = "document.querySelector('details:not([open], .above)') === null"


def check_drawn(tab: Tab, name: str) -> None:
    """Fail unless the page shows the answer that its result has, and all its parts."""
    result = tab.run(f"return {PAYLOAD}.results[0]")
    assert result["verdict"] == make_result(name).verdict.value
    assert result["verdict_words"] in tab.run("return document.querySelector('.verdict').innerText")
    heading = tab.run("return document.querySelector('h1').textContent")
    assert heading == (result["headline"] or result["verdict_words"])
    assert "cannot be shown" not in tab.run(TEXT)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_drawn_whole_silently_and_within_its_width(
    tab: Tab, write_page: Pages, name: str
) -> None:
    tab.open(write_page(name))
    check_drawn(tab, name)
    for width in (1400, 800, 400):
        tab.resize(width)
        assert tab.run(WIDER) <= 0, f"something is wider than the window of {width} pixels"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_drawn_in_a_sandbox_without_a_network(
    tab: Tab, write_page: Pages, name: str, scheme: str
) -> None:
    tab.prefer(scheme)
    tab.go_offline()
    tab.open_in_sandbox(write_page(name))
    with tab.frame():
        check_drawn(tab, name)


@pytest.mark.parametrize("name", ["five_sources", PICTURES, MARKUP])
def test_a_page_is_drawn_as_the_text_of_a_sandboxed_frame(
    tab: Tab, write_page: Pages, name: str
) -> None:
    tab.go_offline()
    tab.open_in_sandbox(write_page(name), inline=True)
    with tab.frame():
        check_drawn(tab, name)
        # A link to a part of the page leads there, and loads nothing.
        (*_, last) = tab.find("nav.beside a")
        tab.run("arguments[0].click()", last)
        tab.wait_until("return scrollY > 0")
        check_drawn(tab, name)


def test_a_page_allows_nothing_but_its_own_scripts(browser: Browser, write_page: Pages) -> None:
    with browser.new_tab() as tab:
        tab.open(write_page("one-divergence"))
        tab.run(
            "document.body.append(Object.assign(document.createElement('img'), "
            "{ src: 'http://127.0.0.1:9/pixel.png' }))"
        )
        tab.run(
            "document.body.append(Object.assign(document.createElement('script'), "
            "{ textContent: 'window.planted = 1' }))"
        )
        outcome = tab.run_async("return await fetch('http://127.0.0.1:9/').catch((e) => e.name)")
        assert outcome == "TypeError"
        assert tab.run("return window.planted ?? 0") == 0
        assert tab.requests_outside() == []
        refused = [text for text in tab.messages() if "Content Security Policy" in text]
        assert len(refused) == len(tab.messages()) >= 3


@pytest.mark.parametrize("framed", [False, True])
def test_names_that_are_markup_are_shown_as_they_are(
    tab: Tab, write_page: Pages, framed: bool
) -> None:
    page = write_page(MARKUP)
    if not framed:
        tab.open(page)
        check_markup(tab)
        return
    tab.open_in_sandbox(page)
    with tab.frame():
        check_markup(tab)


def check_markup(tab: Tab) -> None:
    tab.run("document.querySelectorAll('details').forEach((node) => { node.open = true })")
    for button in tab.find("button.opener, button.term"):
        tab.click(button)
    text = tab.run("return document.body.textContent")
    assert [name for name in (TAG, HANDLER, ADDRESS, TEMPLATE) if name not in text] == []
    assert tab.run("return window.planted ?? 0") == 0
    assert tab.find("img, iframe, object, embed") == []
    links = tab.run("return [...document.querySelectorAll('[href]')].map((link) => link.href)")
    assert [link for link in links if link.startswith("javascript")] == []


@pytest.mark.parametrize("name", ["five_sources", PICTURES])
def test_a_printed_page_has_every_part_opened(tab: Tab, write_page: Pages, name: str) -> None:
    tab.open(write_page(name))
    assert not tab.run(f"return {IS_ALL_OPEN}")
    # The page's own listener comes first.
    tab.run(
        "addEventListener('beforeprint', () => { "
        f"window.printed = {IS_ALL_OPEN} && !document.querySelector('details:empty') }})"
    )
    assert len(tab.command("Page.printToPDF")["data"]) > 10_000
    assert tab.run("return window.printed") is True


def test_a_printed_page_is_dark_on_white_though_the_screen_is_not(
    tab: Tab, write_page: Pages
) -> None:
    colours = (
        "const style = getComputedStyle(document.body); return [style.color, style.backgroundColor]"
    )
    tab.prefer("dark")
    tab.open(write_page("five_sources"))
    text, ground = map(brightness, tab.run(colours))
    assert text > ground
    tab.show_as("print")
    text, ground = map(brightness, tab.run(colours))
    assert text < ground


def brightness(colour: str) -> int:
    """Return the sum of red, green and blue of `rgb(…)`; of what is transparent, white's."""
    parts = [float(part) for part in re.findall(r"[\d.]+", colour)]
    assert len(parts) in (3, 4)
    return 765 if parts[3:] == [0.0] else int(sum(parts[:3]))


def test_a_part_that_cannot_be_drawn_says_so_and_the_others_are_there(
    browser: Browser, write_page: Pages, tmp_path: Path
) -> None:
    whole = write_page(PICTURES).read_text(encoding="utf-8")
    page = tmp_path / "broken.html"
    broken, count = re.subn(r'("cells":\{"dtype":"[^"]*",)"length":\d+', r'\1"length":7', whole)
    assert count == 1
    page.write_text(broken, encoding="utf-8")
    with browser.new_tab() as tab:
        tab.open(page)
        assert [part.get_attribute("id") for part in tab.find("section:has(.note.bad)")] == [
            "growth"
        ]
        assert len(tab.find("section")) > 6
        assert tab.messages()


def test_one_page_shows_several_results_one_at_a_time(tab: Tab, tmp_path: Path) -> None:
    names = ("one-divergence", "reproducible", "not-audited")
    page = tmp_path / "several.html"
    page.write_text(render_all([make_result(name) for name in names], "html"), encoding="utf-8")
    tab.open(page)
    headings = []
    for number in range(3):
        tab.click(tab.find("#overview tbody button")[number])
        tab.wait_until(
            f"return document.querySelector('main h1').textContent === {PAYLOAD}"
            f".results[{number}].headline"
        )
        headings.append(tab.run("return document.querySelector('main h1').textContent"))
    assert len(set(headings)) == 3
