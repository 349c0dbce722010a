"""What was found of the machine, as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

from reproaudit.doctor.check import Check, State, decide_exit_code
from reproaudit.printable import make_printable

_MARKS = {State.FINE: "ok", State.ABSENT: "-", State.LOOK: "LOOK", State.BROKEN: "BROKEN"}
_NAME_COLUMNS = 17
_MARK_COLUMNS = 7
_COLUMNS = 100


def write_check(check: Check) -> str:
    """Return a check as lines of text."""
    mark = _MARKS[check.state]
    head = f"{check.name:<{_NAME_COLUMNS}} {mark:<{_MARK_COLUMNS}} "
    lines = [head + make_printable(check.found)]
    if check.advice:
        indent = " " * (_NAME_COLUMNS + _MARK_COLUMNS + 2)
        lines += textwrap.wrap(
            make_printable(check.advice), _COLUMNS, initial_indent=indent, subsequent_indent=indent
        )
    return "\n".join(lines)


def word_answer(checks: Sequence[Check]) -> str:
    """Return the sentence that the checks come to."""
    broken = [check.name for check in checks if check.state is State.BROKEN]
    doubtful = [check.name for check in checks if check.state is State.LOOK]
    if broken:
        return f"This machine cannot audit: {', '.join(broken)}."
    if doubtful:
        return f"This machine can audit. Look at: {', '.join(dict.fromkeys(doubtful))}."
    return "This machine can audit."


def write_json(checks: Sequence[Check]) -> str:
    """Return the checks as JSON: an object with `exit_code`, `answer` and `checks`."""
    document = {
        "exit_code": decide_exit_code(checks),
        "answer": word_answer(checks),
        "checks": [
            {
                "name": check.name,
                "state": check.state.value,
                "found": check.found,
                "advice": check.advice,
            }
            for check in checks
        ],
    }
    return json.dumps(document, indent=1) + "\n"
