"""Everyone can read the page: no rule of axe-core is violated, that of contrast included, in both
themes."""

from __future__ import annotations

import pytest

from tests.browser.axe import list_violations
from tests.browser.tab import Tab
from tests.report.page.conftest import Pages
from tests.report.page.results import PICTURES


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name",
    [
        "five_sources",
        "ddp_kernel",
        "reproducible",
        "not-audited",
        "within-tolerance",
        PICTURES,
        "vary",
        "resume",
        "seeds",
    ],
)
def test_nothing_keeps_people_from_reading_a_page(
    tab: Tab, write_page: Pages, name: str, scheme: str
) -> None:
    tab.prefer(scheme)
    tab.open(write_page(name))
    tab.run("document.querySelectorAll('details').forEach((node) => { node.open = true })")
    for button in tab.find("button.opener"):
        tab.run("arguments[0].click()", button)
    assert list_violations(tab) == []


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("document.querySelector('h1').style.color = '#ccc'", "color-contrast"),
        ("document.querySelector('button.term').replaceChildren()", "button-name"),
        ("document.documentElement.removeAttribute('lang')", "html-has-lang"),
    ],
)
def test_a_planted_fault_is_found(tab: Tab, write_page: Pages, fault: str, rule: str) -> None:
    tab.open(write_page("reproducible"))
    tab.run(fault)
    assert [f" {rule}: " in found for found in list_violations(tab)] == [True]
