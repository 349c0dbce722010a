"""Addresses of servers as they may be shown: a log is read by others."""

from __future__ import annotations

from reproaudit.knowledge.secret_words import CREDENTIALS


def hide_credentials(text: str) -> str:
    """Return the text without names and passwords that its addresses hold."""
    return CREDENTIALS.sub("", text)
