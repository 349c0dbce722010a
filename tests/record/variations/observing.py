"""Running a small program under variations, without an audit: what it prints, and its trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reproaudit.config.plan import RunPlan, to_json
from reproaudit.config.settings import Settings, make_environment, merge
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.knowledge.variations import find_variation
from reproaudit.model.events import Level
from reproaudit.startup import RECORDER
from reproaudit.trace.runs import Run, open_run
from tests import warm

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Observed:
    """What a run showed: `seen` is what the program printed as JSON."""

    seen: dict[str, Any]
    run: Run

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.run.main.header["environment"])


def observe(
    folder: Path,
    source: str,
    *variations: str,
    is_fresh: bool = False,
    level: Level = Level.BOUNDARY,
    **environment: str,
) -> Observed:
    """Run the program under variations that are written `name=value`.

    It runs in a fork of a process that has imported torch; with `is_fresh` in an interpreter of its
    own, which the libraries' own variables need.
    """
    folder.mkdir(exist_ok=True)
    (folder / "program.py").write_text(textwrap.dedent(source), encoding="utf-8")
    settings = Settings()
    for text in variations:
        name, _, value = text.partition("=")
        settings = merge(settings, find_variation(name).settings_for(value))
    plan = folder / "plan.json"
    subject = SubjectSpec(SubjectKind.SCRIPT, folder, path="program.py")
    traces = folder / "traces"
    plan.write_text(to_json(RunPlan(traces, subject, level, settings=settings)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable if is_fresh else warm.python(), RECORDER, str(plan)],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **environment,
            **make_environment(settings),
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return Observed(json.loads(done.stdout.splitlines()[-1]), open_run(traces, 0))
