"""The list and the pair as a browser shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.model.result import AuditResult
from reproaudit.report import render
from tests.browser.chromium import Browser
from tests.browser.tab import IS_READY, Tab
from tests.report.cases import ONE_DIVERGENCE, REPRODUCIBLE
from tests.serve.serving import HOSTILE, save, serving

pytestmark = pytest.mark.slow
ORIGIN = "return window.origin"
WIDTH = "return document.documentElement.scrollWidth - window.innerWidth"
HAS_LEFT = "return location.href !== arguments[0] && document.readyState === 'complete'"


def render_page(result: AuditResult, folder: Path) -> str:
    return render(result, "html")


def follow(tab: Tab, selector: str) -> None:
    """Click on what leads to another page, and wait for that."""
    address = tab.run("return location.href")
    tab.find(selector)[0].click()
    tab.wait_until(HAS_LEFT, address)


def list_names(tab: Tab) -> list[str]:
    return [link.text for link in tab.find("tbody .headline a")]


def test_the_list_sorts_and_leads_to_two_pages_side_by_side(
    browser: Browser, tmp_path: Path
) -> None:
    save(tmp_path / "b.json", HOSTILE)
    save(tmp_path / "a.json", "", REPRODUCIBLE)
    save(tmp_path / "c.json", "", ONE_DIVERGENCE)
    with serving(tmp_path, render_page) as client, browser.new_tab() as tab:
        tab.open(client.server.url, waits=False)
        follow(tab, "thead a[href*=name]")
        assert list_names(tab) == ["a.json", "b.json", "c.json"]
        follow(tab, "thead a[href*=name]")
        assert list_names(tab) == ["c.json", "b.json", "a.json"]
        tab.find("tbody tr:nth-child(2) input[name=a]")[0].click()
        tab.find("tbody tr:nth-child(3) input[name=b]")[0].click()
        follow(tab, "form button")
        assert [link.text for link in tab.find(".pair h2 a")] == ["b.json", "a.json"]
        with tab.frame():
            tab.wait_until(IS_READY)
            assert tab.run(ORIGIN) == "null"
            assert HOSTILE in tab.find("h1")[0].text
        tab.open(client.server.url + tab.find(".pair h2 a")[0].get_attribute("href")[-22:])
        assert tab.run(ORIGIN) == "null"
        assert tab.messages() == []
        addresses = set(tab.requests_outside())
    assert {address.partition("?")[0].rpartition("/")[0] for address in addresses} <= {
        client.server.url.rstrip("/"),
        client.server.url + "audit",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_is_wider_than_the_window(
    scheme: str, width: int, browser: Browser, tmp_path: Path
) -> None:
    save(tmp_path / f"{'long' * 40}.json", "word" * 100)
    save(tmp_path / "a" / "result.json")
    (tmp_path / "result.json").write_text("{")
    with serving(tmp_path, render_page) as client, browser.new_tab() as tab:
        tab.prefer(scheme)
        tab.resize(width)
        tab.open(client.server.url, waits=False)
        assert len(list_names(tab)) == 2
        assert tab.run(WIDTH) <= 0
        follow(tab, "form button")
        assert len(tab.find("iframe")) == 2
        assert tab.run(WIDTH) <= 0
        assert tab.messages() == []
