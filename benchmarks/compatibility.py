"""The command under other Pythons, other NumPys and on machines that lack something.

python benchmarks/compatibility.py [--python PATH ...] [--torch VERSION ...]
    [--environment PYTHON ...] [--only GROUP ...] [--out reports/compatibility]

What needs no torch is tried under each --python, in a venv of its own without torch. Whole audits
are tried under each --environment (this one, if none is given), and under each --python with each
--torch, in an environment that is made for it and removed: a CUDA build takes 6 GB. Rows that are
not made again are kept with their date; what is promised and was never tried is a row as well.
Needs an index. Exit code 1 if something is not as it should be.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from audited import (
    make_environment,
    make_programs,
    read_suite,
    read_version,
    try_environment,
    try_torch,
)
from memory_limit import try_memory
from survival import (
    ROOT,
    Ending,
    Table,
    Tried,
    Wanted,
    adopt_orphans,
    heed_signals,
    judge,
    read_rows,
    run,
    tell,
)

SAMPLE = ROOT / "reports" / "samples" / "graph_net" / "result.json"
NUMPYS = ("1.26.4", "2.0.2", "2.4.6")
REPROAUDIT = (sys.executable, "-m", "reproaudit")
# Of the package, what may be imported where there is neither torch nor an extra.
IMPORT_ALL = """\
import importlib, pkgutil, reproaudit
apart = ("record", "atlas.child", "pytest_plugin", "__main__", "track.to_", "runs.notebook_driver",
         "runs.executors.ray_cluster", "runs.executors.slurm_jobs", "report.rich", "runs.rich",
         "cli.completable")
names = [one.name for one in pkgutil.walk_packages(reproaudit.__path__, "reproaudit.")
         if not one.name.startswith(tuple(f"reproaudit.{part}" for part in apart))]
for name in names: importlib.import_module(name)
print(len(names), "modules imported")
"""
TORCHES = ("2.9", "2.13", "2.14")
# What is promised, each with the beginning of a row that would show it.
PROMISED = (
    *((f"Python 3.{minor}, audits", rf"Python 3\.{minor}\.\d+, torch") for minor in range(10, 15)),
    *((f"torch {version}", rf"Python \S+, torch {version}\.") for version in TORCHES),
    ("macOS", "macOS:"),
)
NOT_HERE = "no such machine or interpreter was given: see `make versions` and below"
# What asks for Linux or glibc, and what is without it: found by reading.
READ = (
    ("`prctl.py`", "`prctl(2)`", "what a program leaves running when its run is killed may stay"),
    ("`cli/keeper.py`", "Linux", "nothing watches over a command that is killed outright"),
    ("`record/repairs/fixed_addresses.py`", "`personality(2)`", "`addresses.fixed` is not made"),
    ("`memory.fill`, the atlas", "glibc's fill of `malloc`", "only torch's own memory is filled"),
    ("`runs/executors`, `runs/neighbours.py`", "`sched_setaffinity`", "nothing is bound to cores"),
    ("`record/process/environment.py`", "`/proc`", "some facts of the environment are missing"),
    ("`runs/locales.py`", "Linux's number of all categories", "that of macOS and BSD is used"),
)


def record_traces(folder: Path) -> None:
    """Record two equal runs, `a` and `b`, and one that differs from both, `c`."""
    make_programs(folder)
    for trace, program in (("a", "equal.py"), ("b", "equal.py"), ("c", "differs.py")):
        ending = run([*REPROAUDIT, "record", "--out", trace, program], folder)
        if ending.code:
            raise SystemExit(f"no trace could be recorded: {ending.err_text}")


# -- interpreters without torch


def try_interpreter(python: str, traces: Path) -> Iterator[Tried]:
    """Yield what of the package works under an interpreter that has no torch."""
    with tempfile.TemporaryDirectory(prefix="compatible-") as text:
        folder = Path(text)
        version = read_version(python)
        own = make_environment(python, folder)
        if own.missing:
            yield Tried(f"Python {version}", not_tried=own.missing)
            return

        def call(*words: str) -> Ending:
            return run([str(own.python), *words], traces, environment={"PYTHONPATH": None})

        package = call("-c", "import reproaudit; print(reproaudit.__path__[0])").out_text.strip()
        command = ("-m", "reproaudit")
        rows = (
            (
                "is compiled, warnings are errors",
                ("-W", "error", "-m", "compileall", "-qf", package),
            ),
            ("`import reproaudit`", ("-c", "import reproaudit; print(reproaudit.__version__)")),
            ("each module that needs no torch", ("-c", IMPORT_ALL)),
            ("`--help`", (*command, "--help")),
            ("`vary --help`", (*command, "vary", "--help")),
            ("`explain RA401`", (*command, "explain", "RA401")),
        )
        for name, words in rows:
            yield judge(f"Python {version}: {name}", call(*words), Wanted(), folder)
        further = (
            ("`report` of a sample", ("report", str(SAMPLE)), Wanted(1, "aten::index_put")),
            ("`compare` of equal traces", ("compare", "a", "b"), Wanted(0, "reproducible")),
            ("`compare` of others", ("compare", "a", "c"), Wanted(1, "not reproducible")),
            ("an audit says that torch is missing", ("equal.py",), Wanted(2, "torch")),
        )
        for name, words, wanted in further:
            ending = call(*command, *words)
            yield judge(f"Python {version}: {name}", ending, wanted, folder, traces)


# -- NumPy


def try_numpy(version: str, traces: Path) -> Iterator[Tried]:
    """Yield what works with this version of NumPy, which is put before the one that is there."""
    name = f"NumPy {version}, Python {platform.python_version()}"
    with tempfile.TemporaryDirectory(prefix="compatible-") as text:
        target = Path(text)
        wanted = [f"numpy=={version}", "--target", text, "--only-binary=:all:", "--no-deps"]
        command = [sys.executable, "-m", "pip", "install", "-q", *wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            yield Tried(name, not_tried=f"not to be had: {done.stderr.strip().splitlines()[-1]}")
            return
        path = {"PYTHONPATH": f"{target}{os.pathsep}{ROOT}"}
        check = run(
            [sys.executable, "-c", "import numpy; print(numpy.__version__)"],
            traces,
            environment=path,
        )
        yield judge(f"{name}: is the one that is used", check, Wanted(0, version), target)
        for words, wanted_end in (
            (("--runs", "2", "equal.py"), Wanted(0, "reproducible")),
            (("differs.py",), Wanted(1, "unseeded-rng")),
            (("compare", "a", "c"), Wanted(1, "not reproducible")),
        ):
            ending = run([*REPROAUDIT, *words], traces, environment=path)
            yield judge(f"{name}: `{' '.join(words)}`", ending, wanted_end, target, traces)


# -- machines


def try_without_git(traces: Path) -> Iterator[Tried]:
    """Yield what works where PATH has neither git nor make, nor anything but Python."""
    with tempfile.TemporaryDirectory(prefix="compatible-") as text:
        (Path(text) / "python").symlink_to(sys.executable)
        bare = {"PATH": text}
        for words, wanted in (
            (("--runs", "2", "--fresh-copy", "equal.py"), Wanted(0, "reproducible")),
            (("differs.py",), Wanted(1, "unseeded-rng")),
            (("manifest", "equal.py"), Wanted(0, "git")),
        ):
            ending = run([*REPROAUDIT, *words], traces, environment=bare)
            yield judge(f"no git, no make: `{' '.join(words)}`", ending, wanted, traces)


def try_without_home(traces: Path) -> Iterator[Tried]:
    for words, wanted in (
        (("differs.py",), Wanted(1, "unseeded-rng")),
        (("manifest", "equal.py"), Wanted()),
    ):
        ending = run([*REPROAUDIT, *words], traces, environment={"HOME": None})
        yield judge(f"HOME unset: `{' '.join(words)}`", ending, wanted, traces)


def try_read_only(traces: Path) -> Iterator[Tried]:
    """Yield an audit where nothing can be written beside the packages that are installed."""
    name = "site-packages read-only"
    places = (sysconfig.get_path("purelib"), str(ROOT / "reproaudit"))
    mounts = [f'mount --bind "{one}" "{one}" && mount -o remount,bind,ro "{one}"' for one in places]
    proof = f'! touch "{places[0]}/x" 2> /dev/null'
    shell = " && ".join([*mounts, proof, 'exec "$@"'])
    for words, wanted in (
        (("differs.py",), Wanted(1, "unseeded-rng")),
        (("--runs", "2", "--", "python", "equal.py"), Wanted(0, "reproducible")),
    ):
        command = ["unshare", "-m", "sh", "-c", shell, "sh", *REPROAUDIT, *words]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ending = run(command, traces, environment={"PATH": path})
        if "unshare" in ending.err_text:
            yield Tried(f"{name}: `{' '.join(words)}`", not_tried="needs unshare -m")
        else:
            yield judge(f"{name}: `{' '.join(words)}`", ending, wanted, traces)


def try_one_core(traces: Path) -> Iterator[Tried]:
    for words, wanted in (
        (("--runs", "2", "equal.py"), Wanted(0, "reproducible")),
        (("differs.py",), Wanted(1, "unseeded-rng")),
    ):
        ending = run(["taskset", "-c", "0", *REPROAUDIT, *words], traces)
        yield judge(f"one core (taskset): `{' '.join(words)}`", ending, wanted, traces)


GROUPS = ("python", "torch", "types", "numpy", "index")
MACHINES: dict[str, Callable[[Path], Iterator[Tried]]] = {
    "git": try_without_git,
    "home": try_without_home,
    "read-only": try_read_only,
    "core": try_one_core,
    "memory": try_memory,
}


# -- what need not be run


def try_types(version: str) -> Tried:
    """Let mypy say whether what is used of the standard library is there in a version."""
    command = [sys.executable, "-m", "mypy", "--python-version", version, "reproaudit"]
    ending = run(command, ROOT, timeout_s=600, environment={"PYTHONPATH": None})
    return judge(f"Python {version}: types, by mypy", ending, Wanted(0, "no issues found"))


def try_index() -> Iterator[Tried]:
    """Yield whether what we need is to be had for musl, as an index says. Nothing is installed."""
    with tempfile.TemporaryDirectory(prefix="compatible-") as text:
        for package, is_there in (("numpy", True), ("xxhash", True), ("torch", False)):
            where = ("--platform", "musllinux_1_2_x86_64", "--only-binary=:all:", "--no-deps")
            command = (sys.executable, "-m", "pip", "download", "-q", *where, "-d", text, package)
            ending = run(command, Path(text))
            shown = "a wheel" if ending.code == 0 else "no wheel"
            faults = () if (ending.code == 0) == is_there else (ending.err_text[-200:],)
            yield Tried(f"musl: {package} by the index", (shown,), faults)


# -- the table


def try_all(options: argparse.Namespace) -> Iterator[Tried]:
    """Yield the rows that are wanted."""
    groups: Sequence[str] = options.only or (*GROUPS, *MACHINES)
    pythons = options.python or [sys.executable]
    with tempfile.TemporaryDirectory(prefix="compatible-") as text:
        traces = Path(text)
        if "python" in groups or "numpy" in groups or set(groups) & set(MACHINES):
            record_traces(traces)
        if "python" in groups:
            for python in pythons:
                yield from try_interpreter(python, traces)
        if "torch" in groups:
            yield from try_audits(options, pythons)
        if "types" in groups:
            for version in ("3.10", "3.14"):
                yield try_types(version)
        if "numpy" in groups:
            for version in NUMPYS:
                yield from try_numpy(version, traces)
        if "index" in groups:
            yield from try_index()
        for name, try_machine in MACHINES.items():
            if name in groups:
                yield from try_machine(traces)
    if options.suite:
        yield read_suite(options.environment[0], options.suite)


def try_audits(options: argparse.Namespace, pythons: Sequence[str]) -> Iterator[Tried]:
    for python in options.environment or [sys.executable]:
        yield from try_environment(python)
    for version in options.torch:
        for python in pythons:
            yield from try_torch(python, version)


def merge_rows(kept: Sequence[Tried], made: Sequence[Tried]) -> list[Tried]:
    """Return all rows, those of interpreters first; what was made again takes its row's place.

    What is promised and has no row gets one that says so.
    """
    day = f"{datetime.date.today():%Y-%m-%d}"
    rows = {row.name: row for row in kept if not row.not_tried}
    for row in made:
        if row.not_tried and row.name in rows:
            continue  # made on another machine, or another day
        rows[row.name] = row if row.not_tried else Tried(row.name, (*row.cells, day), row.faults)
    for name, pattern in PROMISED:
        if not any(re.match(pattern, one) for one in rows):
            rows[name] = Tried(name, not_tried=NOT_HERE)
    return sorted(rows.values(), key=_order)


def _order(row: Tried) -> tuple[int, tuple[int, ...]]:
    """Return what rows are sorted by: the version of Python, then that of torch, then as made."""
    found = re.match(r"Python (\d+)\.(\d+)\S*?(?:, torch (\d+)\.(\d+)\S*)?:", row.name)
    if found is None:
        return (1, ())
    return (0, tuple(int(part or 0) for part in found.groups()))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", action="append", default=[], metavar="PATH")
    parser.add_argument("--torch", action="append", default=[], metavar="VERSION")
    parser.add_argument("--environment", action="append", default=[], metavar="PYTHON")
    parser.add_argument("--only", action="append", default=[], metavar="GROUP")
    parser.add_argument("--suite", nargs="+", type=Path, default=[], metavar="JUNIT")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "compatibility")
    options = parser.parse_args()
    if options.suite and not options.environment:
        parser.error("--suite needs the --environment in which the tests were run")
    adopt_orphans()
    heed_signals()
    made = [tell(row) for row in try_all(options)]
    about = (
        "Compatibility",
        "A program of two steps, unless another is named; where no torch is named, there is none.",
        "A row that was not made again this time is kept, and says when it was made.",
    )
    columns = ("what", "exit code and first line", "made on")
    table = Table("README", about, columns, "make versions", passed="as it should be")
    table.write(merge_rows(read_rows(options.out, "README"), made), options.out)
    with (options.out / "README.md").open("a", encoding="utf-8") as page:
        page.write("\n## By reading: musl and macOS\n\n| where | asks for | without it |\n")
        page.write("|---|---|---|\n")
        page.writelines(f"| {' | '.join(row)} |\n" for row in READ)
    return int(any(row.faults for row in made))


if __name__ == "__main__":
    sys.exit(main())
