"""Running whole audits in fresh processes, as a user does from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import warm
from tests.claims import check_json

PROGRAMS = Path(__file__).parent / "programs"


# The command, whose runs are started with another interpreter than its own.
WITH_PYTHON = """
import sys
sys.executable = sys.argv.pop(1)
from reproaudit.cli.main import main
sys.exit(main())
"""


def command(*, is_fresh: bool = False) -> list[str]:
    """Return the words that start the command, before its own.

    The runs that it makes are forks of a process that has imported torch; with `is_fresh` they are
    interpreters of their own, as a user's are.
    """
    if is_fresh:
        return [sys.executable, "-m", "reproaudit"]
    return [sys.executable, "-c", WITH_PYTHON, warm.python()]


def reproaudit(
    folder: Path, *words: str, is_fresh: bool = False, timeout_s: float = 590
) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`, without the terminal's colours and with temporary files below
    `folder`; for `is_fresh` see `command`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    (folder / "tmp").mkdir(exist_ok=True)
    return subprocess.run(
        [*command(is_fresh=is_fresh), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        env=environment | {"TMPDIR": str(folder / "tmp")},
        check=False,
    )


def audit(
    folder: Path, *words: str, question: str = "audit", is_fresh: bool = False
) -> tuple[int, dict[str, Any]]:
    """Audit and return the exit code and result.json; for `is_fresh` see `command`.

    `question` is the command that is asked.
    """
    options = ("--quiet", "--report", "json=result.json")
    done = reproaudit(folder, question, *options, *words, is_fresh=is_fresh)
    assert (folder / "result.json").exists(), done.stderr
    return done.returncode, json.loads(check_json((folder / "result.json").read_text()))


def line_of_source(program: str) -> int:
    lines = (PROGRAMS / program).read_text().splitlines()
    return next(number for number, text in enumerate(lines, 1) if text.endswith("# source"))
