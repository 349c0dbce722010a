"""Running a small program in a process of its own under interventions, without an audit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reproaudit.config.plan import RunPlan, to_json
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.knowledge.interventions import combine_settings
from reproaudit.model.events import Level
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.repairs import Reach
from reproaudit.startup import RECORDER
from tests import warm
from tests.auditing import PROGRAMS, command

ROOT = Path(__file__).resolve().parents[3]
CHANCES = 20  # a race that ends alike in every other try does so in all of these once in a million


def run(
    folder: Path,
    source: str,
    *interventions: str,
    level: Level = Level.BOUNDARY,
    is_fresh: bool = False,
) -> str:
    """Run the program in `folder` and return what it writes to standard output.

    It runs in a fork of a process that has imported torch; with `is_fresh` in an interpreter of its
    own.
    """
    (folder / "program.py").write_text(textwrap.dedent(source), encoding="utf-8")
    traces, plan = folder / "traces", folder / "plan.json"
    subject = SubjectSpec(SubjectKind.SCRIPT, folder, path="program.py")
    settings = combine_settings(Settings(), interventions)
    plan.write_text(to_json(RunPlan(traces, subject, level, settings=settings)), encoding="utf-8")
    shutil.rmtree(traces, ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    python = sys.executable if is_fresh else warm.python()
    done = subprocess.run(
        [python, RECORDER, str(plan)],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def reach_here(settings: Settings | None = None) -> Iterator[Reach]:
    """Lend a repair the reach of this very process, whose code all counts as the program's; what it
    replaces is put back at the end."""
    patches = Patches()
    try:
        yield Reach(
            patches=patches,
            is_program=lambda depth: True,
            when_imported=lambda module, action: action(),
            after_fork=lambda action: None,
            settings=settings or Settings(),
        )
    finally:
        patches.undo()


def alike(folder: Path, source: str, *interventions: str, is_fresh: bool = False) -> set[bool]:
    """Return which of both cases occur when two runs are compared line by line: equal lines, and
    differing ones."""
    first, second = (
        run(folder, source, *interventions, is_fresh=is_fresh).splitlines() for _ in range(2)
    )
    return {one == other for one, other in zip(first, second, strict=True)}


def is_repaired(folder: Path, source: str, *interventions: str, is_fresh: bool = False) -> bool:
    """True if each line that the program writes differs between runs without the interventions and
    none with them.

    A race may end alike by chance, most of all on a busy machine, so the runs without are a few
    pairs at need.
    """
    differs = any(alike(folder, source, is_fresh=is_fresh) == {False} for _ in range(CHANCES))
    return differs and alike(folder, source, *interventions, is_fresh=is_fresh) == {True}


def other_than(text: str, folder: Path, source: str) -> str:
    """Return what the program writes without interventions as soon as that is not `text`; runs it a
    few times at need.

    For programs whose threads race to an order that is likely, but nobody's promise on a busy
    machine.
    """
    written = (run(folder, source) for _ in range(CHANCES))
    return next((other for other in written if other != text), text)


def is_untouched(folder: Path, source: str, intervention: str) -> bool:
    """True if the program writes the same with the intervention as without it."""
    return run(folder, source) == run(folder, source, intervention)


def is_reproducible(folder: Path, source: str, *interventions: str, is_fresh: bool = False) -> bool:
    """Audit the program from the command line, by two runs, under the interventions.

    For `is_fresh` see `tests.auditing.command`.
    """
    program = folder / "program.py"
    program.write_text(textwrap.dedent(source), encoding="utf-8")
    shutil.copy(PROGRAMS / "plain_sgd.py", folder)
    words = ["--quiet", "--no-alerts", "--no-diagnosis", "--runs", "2"]
    for name in interventions:
        words += ["--intervene", name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command(is_fresh=is_fresh), *words, str(program)],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode == 0
