"""Every reader of a file that a stranger may have made, as a function of the file's bytes.

Each returns, or raises ReproauditError with a hint in bounded time: anything else is a fault. The
suite gives them small changes of good files, `make fuzz` whatever a coverage-guided fuzzer finds.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reproaudit.atlas.log import Log
from reproaudit.comparison.digest_tree import (
    DIGEST_BYTES,
    NO_STEP,
    DigestTree,
    Part,
    find_difference,
)
from reproaudit.config import plan
from reproaudit.config.project import load_project
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.config.tolerance import Tolerances
from reproaudit.errors import ReproauditError
from reproaudit.experiment.offline import compare_traces
from reproaudit.gate import baseline
from reproaudit.lock.files import load_to_change
from reproaudit.lock.text import to_text
from reproaudit.model.events import Level
from reproaudit.printable import make_lines_printable
from reproaudit.report import render
from reproaudit.report.json_report import from_json, to_json
from reproaudit.report.registry import formats
from reproaudit.trace.reader import Trace
from reproaudit.trace.schema import EVENTS_FILE, RUN_FILE, VALUES_FILE
from tests.lock.locks import LOCK
from tests.trace.sample import write_sample

SAMPLES = Path(__file__).parents[2] / "reports" / "samples"
PROJECT = b"""[tool.reproaudit]
runs = 3
steps = "all"
timeout = 60.5
preset = "fast"
budget = "runs=40,minutes=10"
baseline = "b.json"
tolerance = {rtol = 1e-5, atol = 1e-8}
subjects = ["train.py --epochs 1", {subject = "eval.py", name = "e", seed = 0, cwd = "x"}]
[tool.reproaudit.presets.fast]
seed = 1
env = {A = "b"}
[tool.reproaudit.tolerances]
"gradient:layers.*" = {ulp = 4}
[tool.reproaudit.ignore]
"output:*" = "why"
"""
LOG = (
    b'{"atlas": 1, "environment": {"torch": "2.13.0"}, "request": {"device": "cpu"}}\n'
    b'{"cell": "aten::mm/forward", "outcome": "equal"}\n'
)


@dataclass(frozen=True)
class Reader:
    """A name, good files to begin with, and what reads the bytes of one."""

    name: str
    seeds: tuple[bytes, ...]
    read: Callable[[bytes], None]
    is_json: bool = False

    def survives(self, data: bytes) -> bool:
        """Read the bytes; return True if they are refused. Any other exception is a fault."""
        try:
            self.read(data)
        except ReproauditError as error:
            refusal = error
        else:
            return False
        assert refusal.hint, "an error says what to do next"
        assert "\x1b" not in make_lines_printable(str(refusal))
        return True

    def survives_quietly(self, data: bytes) -> None:
        """Do the same for a fuzzer, which takes no answer."""
        self.survives(data)


def _read_text(data: bytes) -> str:
    # Files that are not UTF-8 are refused before any of these readers sees them.
    return data.decode("utf-8", "replace")


def _read_result(data: bytes) -> None:
    result = from_json(_read_text(data))
    for name in formats():
        _render(result, name)
    assert from_json(to_json(result)) == result or "nan" in to_json(result)


def _render(result: object, name: str) -> None:
    shown = render(result, name)  # type: ignore[arg-type]
    assert "\x1b" not in shown
    for line in shown.split("\n"):
        assert name == "github" or not line.lstrip().startswith("::error")
        assert "##[" not in line or name == "patch"


def _read_baseline(data: bytes) -> None:
    entries = baseline.from_text(_read_text(data), "b.json")
    assert baseline.from_text(baseline.to_text(entries), "b.json") == entries


def _read_lock(data: bytes) -> None:
    path = _FOLDER / "reproaudit.lock"
    path.write_bytes(data)
    held, _ = load_to_change(path)
    if all(entry.runs for entry in held.entries):
        to_text(held)


def _read_project(data: bytes) -> None:
    (_FOLDER / "pyproject.toml").write_bytes(data)
    load_project(_FOLDER)


def _read_plan(data: bytes) -> None:
    plan.from_json(_read_text(data))


def _read_log(data: bytes) -> None:
    path = _FOLDER / "atlas.jsonl"
    path.write_bytes(data)
    Log(path).close()


def _read_run(file: str) -> Callable[[bytes], None]:
    """Return what reads a trace of which one file is another."""

    def read(data: bytes) -> None:
        folder = _FOLDER / f"run-{file}"
        if not folder.exists():
            shutil.copytree(_FOLDER / "run", folder)
        (folder / file).write_bytes(data)
        trace = Trace.open(folder)
        for event in trace.all_events():
            trace.values(event.number)
        result = compare_traces([_FOLDER / "run", folder], Tolerances())
        for name in formats():
            _render(result, name)

    return read


def _read_compact_values(path: Path) -> bytes:
    """Return a file of tensors without the padding of its header: what a fuzzer can change."""
    raw = path.read_bytes()
    end = 8 + int.from_bytes(raw[:8], "little")
    header = raw[8:end].rstrip()
    return len(header).to_bytes(8, "little") + header + raw[end:]


_KEPT = tempfile.TemporaryDirectory(prefix="ra-foreign-")
_FOLDER = Path(_KEPT.name)
write_sample(_FOLDER / "run")
RESULTS = tuple(path.read_bytes() for path in sorted(SAMPLES.glob("*/result.json")))
_SUBJECT = SubjectSpec(SubjectKind.SCRIPT, path="train.py", cwd=Path("/"))
_PLAN = plan.to_json(plan.RunPlan(Path("/run-0"), _SUBJECT, Level.OPERATION)).encode()
_BASELINE = baseline.to_text(
    [baseline.BaselineEntry("train.py", "RA401", "train.py in step", "aten::mm", "0" * 32, "why")]
).encode()


def _make_tree(leaves: int) -> DigestTree:
    part = [number.to_bytes(DIGEST_BYTES, "little") for number in range(1, 1 + leaves)]
    return DigestTree([Part.of(0, part), Part.of(1, part), Part.of(NO_STEP, part)])


def _read_digests(data: bytes) -> None:
    tree = DigestTree.from_bytes(data, "a.digests")
    own = _make_tree(3)
    find_difference(own, tree.summary, tree.answer, tree.heading)
    assert tree.to_bytes() == data


READERS = (
    Reader("result", RESULTS, _read_result, is_json=True),
    Reader("baseline", (_BASELINE,), _read_baseline, is_json=True),
    Reader("lock", (to_text(LOCK).encode(),), _read_lock),
    Reader("pyproject", (PROJECT,), _read_project),
    Reader("plan", (_PLAN,), _read_plan, is_json=True),
    Reader("digests", (_make_tree(3).to_bytes(), _make_tree(1).to_bytes()), _read_digests),
    Reader("atlas-log", (LOG,), _read_log),
    Reader(
        "trace-header",
        ((_FOLDER / "run" / RUN_FILE).read_bytes(),),
        _read_run(RUN_FILE),
        is_json=True,
    ),
    Reader("trace-events", ((_FOLDER / "run" / EVENTS_FILE).read_bytes(),), _read_run(EVENTS_FILE)),
    Reader(
        "trace-values",
        (_read_compact_values(_FOLDER / "run" / VALUES_FILE),),
        _read_run(VALUES_FILE),
    ),
)
