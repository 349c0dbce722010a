"""Running a small program in a fresh process under some interventions, without an audit around it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_LAUNCH = """
import runpy
import sys
from pathlib import Path

from reproaudit.interventions import combined
from reproaudit.plan import RunPlan, SubjectKind, SubjectSpec
from reproaudit.record.bootstrap import Host
from reproaudit.settings import Settings

path, *names = sys.argv[1:]
subject = SubjectSpec(SubjectKind.SCRIPT, Path(path).parent, path=path)
Host(RunPlan(trace_dir=Path(path).parent, subject=subject, settings=combined(Settings(), names))).change()
sys.argv = [path]
runpy.run_path(path, run_name="__main__")
"""


def run(folder: Path, source: str, *interventions: str) -> str:
    """Return what the program writes to standard output."""
    program = folder / "program.py"
    program.write_text(textwrap.dedent(source), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCH, str(program), *interventions],
        cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_repaired(folder: Path, source: str, intervention: str) -> bool:
    """True if two runs write the same with the intervention; fails if they do so without it as well."""
    assert run(folder, source) != run(folder, source), "the program reproduces as it is"
    return run(folder, source, intervention) == run(folder, source, intervention)


def is_untouched(folder: Path, source: str, intervention: str) -> bool:
    """True if the program writes the same with the intervention as without it."""
    return run(folder, source) == run(folder, source, intervention)


def audit(folder: Path, source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Audit the program from the command line with three runs."""
    program = folder / "program.py"
    program.write_text(textwrap.dedent(source), encoding="utf-8")
    command = [sys.executable, "-m", "reproaudit", "--quiet", "--no-alerts", "--runs", "3", *arguments, str(program)]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=100)
