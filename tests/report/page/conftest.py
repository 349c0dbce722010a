"""Pages for the tests that look at them in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reproaudit.report import render
from tests.browser.fixtures import browser, tab
from tests.report.page.results import make_result

__all__ = ["browser", "tab"]

Pages = Callable[[str], Path]


@pytest.fixture(scope="session")
def write_page(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Write the page of a result of results.py, once for all tests, and return its path."""
    folder = tmp_path_factory.mktemp("pages")

    def write(name: str) -> Path:
        page = folder / f"{name}.html"
        if not page.exists():
            page.write_text(render(make_result(name), "html"), encoding="utf-8")
        return page

    return write
