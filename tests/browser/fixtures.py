"""Fixtures of tests that look at a page. A folder's conftest.py imports them by name."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Browser, missing_programs, start_browser
from tests.browser.tab import Tab


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start a browser with the first test that asks for one.

    Without Chromium the test is skipped, and says how to install it. In continuous integration it
    fails.
    """
    lacking = missing_programs()
    if lacking and os.environ.get("CI") == "true":
        pytest.fail(lacking, pytrace=False)
    if lacking:
        pytest.skip(lacking)
    with start_browser() as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """Give the test an empty tab; fail it if a page wrote to the console or asked for anything."""
    with browser.new_tab() as tab:
        yield tab
        tab.assert_silent()
