"""Everyone can read the page: no rule of axe-core is violated, that of contrast included, in both
themes."""

from __future__ import annotations

import pytest

from tests.browser.axe import list_violations
from tests.browser.tab import Tab
from tests.report.page.conftest import Pages


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
