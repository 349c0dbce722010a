"""The command under other Pythons, other NumPys and on machines that lack something.

python benchmarks/compatibility.py [--python PATH ...] [--only NAME] [--out reports/compatibility]

What needs no torch is tried under each interpreter that is given, in a venv of its own without
torch; audits are tried under this one. What was not tried is a row as well, with the reason. Needs
an index for NumPy and the other small packages. Exit code 1 if something is not as it should be.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from installed import PROGRAM
from survival import (
    ROOT,
    Ending,
    Table,
    Tried,
    adopt_orphans,
    heed_signals,
    list_children,
    read_rows,
    run,
    scrub,
    tell,
)

SAMPLE = ROOT / "reports" / "samples" / "graph_net" / "result.json"
NUMPYS = ("1.26.4", "2.0.2", "2.4.6")
MEMORY_BYTES = 2 << 30
SAMPLED_S = 0.05
REPROAUDIT = (sys.executable, "-m", "reproaudit")
# Of the package, what may be imported where there is neither torch nor an extra.
IMPORT_ALL = """\
import importlib, pkgutil, reproaudit
apart = ("record", "atlas.child", "pytest_plugin", "__main__", "track.to_", "runs.notebook_driver",
         "runs.executors.ray_cluster", "runs.executors.slurm_jobs", "report.rich", "runs.rich")
names = [one.name for one in pkgutil.walk_packages(reproaudit.__path__, "reproaudit.")
         if not one.name.startswith(tuple(f"reproaudit.{part}" for part in apart))]
for name in names: importlib.import_module(name)
print(len(names), "modules imported")
"""
NOT_TRIED = (
    ("Python 3.14, audits", "no interpreter of it here"),
    ("Python 3.10, 3.12, 3.13 with torch", "torch for them comes as a CUDA build of several GB"),
    (
        "torch 2.9.0 and 2.14.1",
        "each is a CUDA build of several GB here: `make compat TORCH=2.9.0`",
    ),
    ("musl", "there is no torch for it; traces can be compared: numpy and xxhash have wheels"),
    ("macOS", "no such machine here; see below"),
)
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


@dataclass(frozen=True)
class Wanted:
    """What must come of a command."""

    code: int = 0
    says: str = ""


def judge(name: str, ending: Ending, wanted: Wanted, *folders: Path, more: str = "") -> Tried:
    """Return the row of a command that ended."""
    faults = ending.find_faults()
    if ending.code != wanted.code:
        faults.append(f"exit code {ending.code} instead of {wanted.code}: {ending.err_text[-300:]}")
    if wanted.says not in ending.out_text + ending.err_text:
        faults.append(f"{wanted.says!r} is not said")
    said = ending.errors or ending.out_text.strip().splitlines() or ["nothing"]
    shown = scrub(f"{ending.code}: {said[0]}{more}", *folders)
    return Tried(name, (shown,), tuple(scrub(fault, *folders) for fault in faults))


def make_programs(folder: Path) -> None:
    for name, seed in (("equal.py", "torch.manual_seed(0)"), ("differs.py", "")):
        (folder / name).write_text(PROGRAM.format(seed=seed))


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
        if isinstance(own, str):
            yield Tried(f"Python {version}", not_tried=own)
            return

        def call(*words: str) -> Ending:
            return run([str(own), *words], traces, environment={"PYTHONPATH": None})

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


def read_version(python: str) -> str:
    done = subprocess.run([python, "-V"], capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def make_environment(python: str, folder: Path) -> Path | str:
    """Return the interpreter of a venv with a wheel of ours and all that it needs but torch.

    What stands in the way is returned as a text.
    """
    wheels = folder / "dist"
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True)
    own = folder / "venv" / "bin" / "python"
    needed = ["numpy", "xxhash", "tabulate", "tqdm", "tomli; python_version < '3.11'"]
    (wheel,) = wheels.iterdir()
    for words in (needed, ["--no-deps", str(wheel)]):
        command = [str(own), "-m", "pip", "install", "-q", "--only-binary=:all:", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"pip install failed: {done.stderr.strip().splitlines()[-1]}"
    return own


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


def try_memory(traces: Path) -> Iterator[Tried]:
    """Yield whether an audit, with all its processes, fits into 2 GB: measured, not enforced."""
    peak = 0
    ended = threading.Event()

    def watch(pid: int) -> None:
        nonlocal peak
        while not ended.wait(SAMPLED_S):
            peak = max(peak, sum(read_share(one) for one in list_tree(pid)))

    for words, wanted in (((), Wanted(1, "unseeded-rng")), (("--jobs", "2"), Wanted(1))):
        peak = 0
        ended.clear()
        watchers: list[threading.Thread] = []

        def begin(process: subprocess.Popen[bytes], to: list[threading.Thread] = watchers) -> None:
            to.append(threading.Thread(target=watch, args=(process.pid,)))
            to[0].start()

        ending = run([*REPROAUDIT, *words, "differs.py"], traces, meanwhile=begin)
        ended.set()
        watchers[0].join()
        name = f"2 GB of memory: `{' '.join([*words, 'differs.py'])}`"
        row = judge(
            name, ending, wanted, traces, more=f"; at most {peak >> 20:,} MiB, not enforced"
        )
        faults = row.faults if peak < MEMORY_BYTES else (*row.faults, "more than 2 GB")
        yield Tried(row.name, row.cells, faults)


def list_tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        found += list_children(one)
    return found


def read_share(pid: int) -> int:
    """Return the bytes that a process has, what it shares divided among those that do."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0  # it has ended
    return sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("Pss:"))


MACHINES: dict[str, Callable[[Path], Iterator[Tried]]] = {
    "git": try_without_git,
    "home": try_without_home,
    "read-only": try_read_only,
    "core": try_one_core,
    "memory": try_memory,
}


def try_types(version: str) -> Tried:
    """Let mypy say whether what is used of the standard library is there in a version."""
    command = [sys.executable, "-m", "mypy", "--python-version", version, "reproaudit"]
    ending = run(command, ROOT, timeout_s=600, environment={"PYTHONPATH": None})
    return judge(f"Python {version}: types, by mypy", ending, Wanted(0, "no issues found"))


def try_all(options: argparse.Namespace) -> Iterator[Tried]:
    """Yield the rows that are wanted."""
    groups: Sequence[str] = options.only or ("python", "types", "numpy", *MACHINES)
    with tempfile.TemporaryDirectory(prefix="compatible-") as text:
        traces = Path(text)
        record_traces(traces)
        if "python" in groups:
            for python in options.python or [sys.executable]:
                yield from try_interpreter(python, traces)
        if "types" in groups:
            for version in ("3.10", "3.14"):
                yield try_types(version)
        if "numpy" in groups:
            for version in NUMPYS:
                yield from try_numpy(version, traces)
        for name, try_machine in MACHINES.items():
            if name in groups:
                yield from try_machine(traces)
    for name, reason in NOT_TRIED:
        yield Tried(name, not_tried=reason)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", action="append", default=[], metavar="PATH")
    parser.add_argument("--only", action="append", default=[], metavar="GROUP")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "compatibility")
    options = parser.parse_args()
    adopt_orphans()
    heed_signals()
    rows = [tell(row) for row in try_all(options)]
    about = (
        "Compatibility",
        "A program of two steps; the interpreters of the first rows have no torch.",
    )
    columns = ("what", "exit code and first line")
    table = Table("README", about, columns, "make versions", passed="as it should be")
    kept = read_rows(options.out, "README") if options.only else []
    code = table.write(rows, options.out, [row.name for row in (*kept, *rows)] if kept else ())
    with (options.out / "README.md").open("a", encoding="utf-8") as page:
        page.write("\n## By reading: musl and macOS\n\n| where | asks for | without it |\n")
        page.write("|---|---|---|\n")
        page.writelines(f"| {' | '.join(row)} |\n" for row in READ)
    return code


if __name__ == "__main__":
    sys.exit(main())
