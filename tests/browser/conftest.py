"""What tests of the browser use themselves."""

from tests.browser.fixtures import browser, tab

__all__ = ["browser", "tab"]
