"""Runs public test suites plainly and with every test marked, and tells the alarms and the cost.

    python benchmarks/marked_suites.py SUITE --checkout DIR [--paths PATH …] [--rest] [--out FOLDER]
    python benchmarks/marked_suites.py --table [--out FOLDER]

SUITE is one of those in marked_suites.toml, DIR a git work tree of it at the commit named there, in
which its tests run as `python -m pytest`; what the suite needs has to be installed. A suite may be
run in pieces: a session is ended after `--limit-s`, what was measured is kept in
build/marked_suites, and `--rest` goes on where it ended. The table is made of all that stands
there. An alarm is a test that passes plainly and fails marked. Whether it is true was found
out by hand and stands in marked_suites.toml, with the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from figures import publish

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = ROOT / "build" / "marked_suites"
# Nobody's configuration and no other plugin: the cost is to be that of the marker.
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "marking", "-o", "addopts=")
MARKED = ("-p", "reproaudit.pytest_plugin.hooks", "--tb=short")
NOT_JUDGED = "not judged"
# Of pytest: interrupted, an error of its own, wrong usage.
ENDED_EARLY = (2, 3, 4)


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite as marked_suites.toml describes it."""

    name: str
    repository: str
    commit: str
    paths: tuple[str, ...]
    left_out: Mapping[str, str]  # tests that are not run, each with the reason
    environment: Mapping[str, str]
    alarms: Mapping[str, Mapping[str, str]]  # truth and reason of each alarm, by its test
    mended: Mapping[str, str]  # false alarms of before, each with what it came from


@dataclass(frozen=True, slots=True)
class Test:
    """One test, plainly and marked."""

    name: str
    plain: Mapping[str, Any]
    marked: Mapping[str, Any]
    is_again: bool = False  # measured once more, in a sitting of other tests

    @property
    def is_timed(self) -> bool:
        """Return True if its time counts: it passed both ways, in the sitting of its suite."""
        passed = self.plain["outcome"] == self.marked["outcome"] == "passed"
        return passed and not self.is_again

    @property
    def is_comparable(self) -> bool:
        """Return True if it ran to its end both times."""
        return "seconds" in self.plain and "seconds" in self.marked

    @property
    def is_alarm(self) -> bool:
        return bool(self.plain["outcome"] == "passed" != self.marked["outcome"])

    @property
    def is_changed(self) -> bool:
        """Return True if it ends otherwise, and not by passing before."""
        return bool(not self.is_alarm and self.plain["outcome"] != self.marked["outcome"])

    @property
    def is_empty(self) -> bool:
        """Return True if nothing was compared, because it computes nothing with torch."""
        verdicts = [result["verdict"] for result in self.marked["results"]]
        return self.marked["outcome"] == "passed" and "not-audited" in verdicts

    @property
    def ratio(self) -> float:
        return float(self.marked["seconds"] / self.plain["seconds"])


def read_suites() -> dict[str, Suite]:
    """Return the suites by their names."""
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    described = toml.loads((HERE / "marked_suites.toml").read_text(encoding="utf-8"))
    return {
        name: Suite(
            name=name,
            repository=one["repository"],
            commit=one["commit"],
            paths=tuple(one["paths"]),
            left_out=one.get("left_out", {}),
            environment=one.get("environment", {}),
            alarms=one.get("alarms", {}),
            mended=one.get("mended", {}),
        )
        for name, one in described["suites"].items()
    }


def check_commit(suite: Suite, checkout: Path) -> None:
    """End with a message unless the work tree is that of the commit, as it is."""
    git = ["git", "-C", str(checkout)]
    found = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    changes = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no"],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.stdout.strip() != suite.commit or changes.stdout:
        sys.exit(f"{checkout} is not {suite.repository} at {suite.commit}, unchanged")


@dataclass(frozen=True, slots=True)
class Piece:
    """What of a suite is run in one sitting."""

    suite: Suite
    checkout: Path
    paths: Sequence[str]
    limit_s: float
    left_out: Sequence[str]


def run_session(piece: Piece, notes: Path) -> None:
    """Run the tests, plainly or marked as the name of `notes` says, up to the limit of time."""
    suite = piece.suite
    is_marked = notes.stem.endswith("marked")
    words = [sys.executable, *PYTEST, *(MARKED if is_marked else ()), *piece.paths]
    words += [f"--deselect={test}" for test in (*suite.left_out, *piece.left_out)]
    environment = {
        **os.environ,
        **suite.environment,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
        "MARKING_OUT": str(notes),
        "MARKING_MARKS": str(int(is_marked)),
    }
    notes.write_text("{}", encoding="utf-8")
    start_s = time.perf_counter()
    log = notes.with_suffix(".log")
    code: int | None = None
    with log.open("wb") as output, contextlib.suppress(subprocess.TimeoutExpired):
        code = subprocess.run(
            words,
            cwd=piece.checkout,
            env=environment,
            stdout=output,
            stderr=output,
            timeout=piece.limit_s,
            check=False,
        ).returncode
    seconds = time.perf_counter() - start_s
    ended = "at the limit of time" if code is None else f"exit code {code}"
    print(f"{notes.stem}: {ended}, {seconds:.0f} s")
    if code in ENDED_EARLY:
        sys.exit(f"pytest ended early: {log}")


def measure(piece: Piece, *, rest: bool) -> None:
    """Run a piece of a suite plainly and then marked, and add it to what is kept."""
    KEPT.mkdir(parents=True, exist_ok=True)
    suite = piece.suite
    check_commit(suite, piece.checkout)
    kept = KEPT / f"{suite.name}.json"
    tests = json.loads(kept.read_text(encoding="utf-8"))["tests"] if kept.exists() else {}
    if rest:
        piece = replace(piece, left_out=list(tests))
    found: dict[str, dict[str, Any]] = {}
    for how in ("plain", "marked"):
        notes = KEPT / f"{suite.name}-{how}.notes"
        run_session(piece, notes)
        found[how] = json.loads(notes.read_text(encoding="utf-8"))
    for name, marked in found["marked"].items():
        # The one that the limit ended is not known.
        if "seconds" in marked and name in found["plain"]:
            plain = found["plain"][name]
            tests[name] = {"plain": plain, "marked": marked, "is_again": name in tests}
    machine = {
        "torch": version("torch"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "date": time.strftime("%Y-%m-%d"),
    }
    content = json.dumps({"machine": machine, "commit": suite.commit, "tests": tests}, indent=1)
    kept.write_text(content, encoding="utf-8")


def summarise(suite: Suite, tests: Sequence[Test]) -> dict[str, Any]:
    """Return the figures of one suite."""
    tests = [test for test in tests if test.is_comparable]
    timed = [test for test in tests if test.is_timed]
    alarms = [describe_alarm(suite, test) for test in tests if test.is_alarm]
    truths = [alarm["truth"] for alarm in alarms]
    checked = [test for test in tests if test.marked["results"]]
    plain_s = sum(test.plain["seconds"] for test in timed)
    marked_s = sum(test.marked["seconds"] for test in timed)
    return {
        "suite": suite.name,
        "repository": suite.repository,
        "commit": suite.commit,
        "paths": list(suite.paths),
        "tests": len(tests),
        "left_out": dict(suite.left_out),
        "mended": dict(suite.mended),
        "skipped_or_failing_plainly": sum(test.plain["outcome"] != "passed" for test in tests),
        "checks": len(checked),
        "reproducible": sum(has_verdict(test, "reproducible") for test in checked),
        "empty": sum(test.is_empty for test in tests),
        "true_alarms": truths.count("true"),
        "false_alarms": truths.count("false"),
        "alarms_not_judged": truths.count(NOT_JUDGED),
        "changed": sorted(test.name for test in tests if test.is_changed),
        "plain_s": round(plain_s, 1),
        "ratio": round(marked_s / plain_s, 2) if plain_s else None,
        "median_ratio": round(statistics.median(test.ratio for test in timed), 2)
        if timed
        else None,
        "alarms": alarms,
    }


def has_verdict(test: Test, verdict: str) -> bool:
    return any(result["verdict"] == verdict for result in test.marked["results"])


def describe_alarm(suite: Suite, test: Test) -> dict[str, Any]:
    """Return what was said of a test, and what was found out by hand."""
    judged = suite.alarms.get(test.name, {})
    results = test.marked["results"]
    result = results[0] if results else {"headline": find_error(test.marked["said"])}
    return {
        "test": test.name,
        "headline": result["headline"],
        "causes": result.get("causes", []),
        "fixes": [fix for fix in result.get("fixes", []) if fix],
        "truth": judged.get("truth", NOT_JUDGED),
        "reason": judged.get("reason", ""),
    }


def find_error(said: str) -> str:
    """Return the first line of what a test raised by itself."""
    lines = [line.removeprefix("E").strip() for line in said.splitlines() if line[:1] == "E"]
    return f"it fails by itself: {lines[0]}" if lines else "it fails by itself"


def read_measured(
    suites: Mapping[str, Suite],
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
    """Yield the machine and the figures of each suite that was run at the commit that is named."""
    for suite in suites.values():
        kept = KEPT / f"{suite.name}.json"
        if not kept.exists():
            continue
        content = json.loads(kept.read_text(encoding="utf-8"))
        if content["commit"] == suite.commit:
            tests = [
                Test(name, one["plain"], one["marked"], is_again=one.get("is_again", False))
                for name, one in content["tests"].items()
                if name.startswith(suite.paths)
            ]
            yield content["machine"], summarise(suite, tests)


def write_table(out: Path) -> None:
    """Write the table of all that was measured, as Markdown and as JSON."""
    measured = list(read_measured(read_suites()))
    if not measured:
        sys.exit("no suite was run")
    machine = measured[0][0]
    rows = [figures for _, figures in measured]
    publish(render(machine, rows), out / "suites.md")
    text = json.dumps({"machine": machine, "suites": rows}, indent=1) + "\n"
    (out / "suites.json").write_text(text, encoding="utf-8")


def render(machine: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the page."""
    yield "# Public test suites with every test marked"
    yield ""
    yield f"{machine['date']}, torch {machine['torch']}, Python {machine['python']},"
    yield f"{machine['cores']} cores. Made by `python benchmarks/marked_suites.py`."
    yield ""
    yield "Each suite ran plainly and then with `@pytest.mark.reproducible` (three repetitions) on"
    yield "every test. An alarm is a test that passes plainly and fails marked; each was judged by"
    yield "repeating its own computation plainly. *Times* is the time of all tests that passed,"
    yield "marked over plain; *median* that of one test. Each costs a fixed few hundredths of a"
    yield "second, which is much beside a test of a few milliseconds. Times of tests that were"
    yield "measured once more, in another sitting, are left out."
    yield ""
    yield (
        "| suite | commit | tests | reproducible | nothing compared | true alarms "
        "| false alarms | not judged | plain s | times | median |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        yield (
            f"| {row['repository']}: {' '.join(row['paths'])} | `{row['commit'][:10]}` "
            f"| {row['tests']} | {row['reproducible']} | {row['empty']} | {row['true_alarms']} "
            f"| {row['false_alarms']} | {row['alarms_not_judged']} | {row['plain_s']} "
            f"| {row['ratio']} | {row['median_ratio']} |"
        )
    yield ""
    yield "Tests that are neither were skipped by the suite, or fail without the marker too."
    for row in rows:
        yield from _render_details(row)


def _render_details(row: Mapping[str, Any]) -> Iterator[str]:
    if not (row["alarms"] or row["left_out"] or row["changed"] or row["mended"]):
        return
    yield ""
    yield f"## {row['repository']}"
    yield ""
    for alarm in row["alarms"]:
        yield f"- `{alarm['test']}`: {alarm['headline']}"
        for cause in alarm["causes"]:
            yield f"  Cause: `{cause}`."
        for fix in alarm["fixes"]:
            yield f"  Fix: {fix}."
        yield f"  **{alarm['truth'].capitalize()}**: {alarm['reason']}"
    for test in row["changed"]:
        yield f"- `{test}` ends otherwise marked than plainly, though it passed neither way."
    for test, reason in row["mended"].items():
        yield f"- No alarm any more: `{test}`: {reason}"
    for test, reason in row["left_out"].items():
        yield f"- Left out: `{test}`: {reason}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    suites = read_suites()
    parser.add_argument("suite", nargs="?", choices=list(suites))
    parser.add_argument("--checkout", type=Path, metavar="DIR")
    parser.add_argument("--paths", nargs="+", metavar="PATH", help="a piece of the suite")
    parser.add_argument("--rest", action="store_true", help="leave out what was measured before")
    parser.add_argument("--limit-s", type=float, default=3600.0, metavar="S", help="per session")
    parser.add_argument("--table", action="store_true", help="only make the table")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "robustness")
    options = parser.parse_args()
    if not options.table:
        if options.suite is None or options.checkout is None:
            parser.error("name a suite and its --checkout")
        suite = suites[options.suite]
        paths = options.paths or suite.paths
        piece = Piece(suite, options.checkout.absolute(), paths, options.limit_s, ())
        measure(piece, rest=options.rest)
    write_table(options.out)


if __name__ == "__main__":
    main()
