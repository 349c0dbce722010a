"""The browser that looks at the list and at the pair."""

from tests.browser.fixtures import browser

__all__ = ["browser"]
