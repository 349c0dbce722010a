"""The exceptions that reach a user: what was tried, what was found, what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ReproauditError(Exception):
    """An audit, a recording or a comparison could not be done.

    `code` is stable and kebab-case; `hint` says what to do next. Only the command line prints it.
    """

    def __init__(self, message: str, *, code: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.message} [{self.code}]"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class UsageError(ReproauditError):
    """The command line, the configuration or the subject's name cannot be understood."""


class TraceError(ReproauditError):
    """A trace is missing, corrupt, hostile, or of another format version."""


class SubjectError(ReproauditError):
    """The audited program failed, hung, or did nothing that can be compared."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the hint that names the known words nearest to `word`, or all of them.

    It is empty if no word is known.
    """
    names = sorted(known)
    nearest = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if nearest:
        return f"did you mean {' or '.join(map(repr, nearest))}?"
    return f"known: {', '.join(names)}" if names else ""
