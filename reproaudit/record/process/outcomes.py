"""How a program that ended by an exception has ended."""

from __future__ import annotations

import sys

from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.record.process.errors import describe_in_one_line

_MOST_CODE = 1 << 63  # beyond what fits a C long, the interpreter exits with -1


def describe_end(error: BaseException, where: str = "") -> Outcome:
    """Return how a program ends that does not catch the exception, which `where` says the place of.

    What an exit gives in place of a number is printed, as the interpreter does.
    """
    if isinstance(error, SystemExit):
        code = _read_exit_code(error)
        kind = OutcomeKind.EXITED if code else OutcomeKind.COMPLETED
        return Outcome(kind, code, f"{where}sys.exit" if code else "")
    return Outcome(OutcomeKind.RAISED, 1, where + describe_in_one_line(error))


def make_number(code: object) -> int:
    """Return the number with which a process ends that gives `code` to `sys.exit`."""
    if code is None:
        return 0
    if isinstance(code, int):
        # A bool, or a subclass of int, is a number to the interpreter and none to JSON.
        number = int.__index__(code)
        return number if -_MOST_CODE <= number < _MOST_CODE else -1
    return 1


def _read_exit_code(stop: SystemExit) -> int:
    code = stop.code
    if code is None or isinstance(code, int):
        return make_number(code)
    try:
        print(code, file=sys.stderr)
    except Exception as error:
        # The interpreter goes on as well, and says as little.
        print(f"{type(code).__name__}: {type(error).__name__}", file=sys.stderr)
    return 1
