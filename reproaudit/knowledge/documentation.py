"""Where the documentation is, in one place: links to it are made here."""

from __future__ import annotations

# The address that the site is published at, which ends in a slash; None while it is published
# nowhere. A link that leads nowhere is worse than none, and an address that nobody has registered
# can be taken by anybody. Once it is set, what `explain` and SARIF say of a rule leads there.
SITE: str | None = None


def name_page(rule: str) -> str:
    """Return the file of the page about a rule, below the folder of the built site."""
    return f"why/{rule.lower()}.html"


def find_address(rule: str) -> str | None:
    """Return the address of the page about a rule; None while the site is published nowhere."""
    return None if SITE is None else f"{SITE}{name_page(rule)}"
