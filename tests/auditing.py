"""Running whole audits in fresh processes, as a user does from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.claims import check_json

PROGRAMS = Path(__file__).parent / "programs"


def reproaudit(
    folder: Path, *words: str, timeout_s: float = 590
) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`, without the terminal's colours and with temporary files below
    `folder`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    (folder / "tmp").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "reproaudit", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        env=environment | {"TMPDIR": str(folder / "tmp")},
        check=False,
    )


def audit(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Audit and return the exit code and result.json."""
    done = reproaudit(folder, "--quiet", "--report", "json=result.json", *words)
    assert (folder / "result.json").exists(), done.stderr
    return done.returncode, json.loads(check_json((folder / "result.json").read_text()))


def line_of_source(program: str) -> int:
    lines = (PROGRAMS / program).read_text().splitlines()
    return next(number for number, text in enumerate(lines, 1) if text.endswith("# source"))
