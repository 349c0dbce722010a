"""The one exception that reaches a user: what was tried, what was found, what to do next."""

from __future__ import annotations


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
        return f"{self.message} [{self.code}]" + (f"\n  hint: {self.hint}" if self.hint else "")


class UsageError(ReproauditError):
    """The command line, the configuration or the subject's name cannot be understood."""


class TraceError(ReproauditError):
    """A trace is missing, corrupt, hostile, or of another format version."""


class SubjectError(ReproauditError):
    """The audited program failed, hung, or did nothing that can be compared."""
