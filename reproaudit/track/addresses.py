"""Addresses of servers as they may be shown: a log is read by others."""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")


def hide_credentials(text: str) -> str:
    """Return the text without names and passwords that its addresses hold."""
    return _CREDENTIALS.sub("", text)
