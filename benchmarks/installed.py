"""What wheel and sdist hold, and whether each works in an empty environment of its own.

python benchmarks/installed.py [--dist dist] [--torch 2.13.0] [--out reports/wheel]

`make wheel` builds them first. Each is installed beside a torch that is there already: nothing of
that may change. It is then used, and removed. Needs an index, or a cache of pip's that has torch.
Exit code 1 if something is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from survival import ROOT, Ending, Table, Tried, adopt_orphans, heed_signals, run, scrub, tell

from reproaudit import __version__

MOST_BYTES = 1_572_864  # 1.5 MiB
LARGEST_FOLDERS = 8
PROGRAM = """\
import torch
{seed}
layer = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    layer(torch.randn(3, 4)).sum().backward()
    optimizer.step()
"""
# Who installs a tool has no PYTHONPATH that leads to a checkout.
VARIABLES = {"PYTHONPATH": None, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@dataclass(frozen=True)
class Use:
    """A command in the new environment: its exit code, and what it must say."""

    words: tuple[str, ...]
    code: int
    says: str


USES = (
    Use(("reproaudit", "--version"), 0, f"reproaudit {__version__}"),
    Use(("reproaudit", "--help"), 0, "reproaudit train.py"),
    Use(("reproaudit", "explain", "RA401"), 0, "RA401"),
    Use(("reproaudit", "--runs", "2", "equal.py"), 0, "reproducible"),
    Use(("reproaudit", "differs.py"), 1, "not reproducible"),
    Use(("reproaudit", "--runs", "2", "--", "python", "equal.py"), 0, "reproducible"),
    Use(("reproaudit", "record", "--out", "trace", "equal.py"), 0, ""),
    Use(("reproaudit", "compare", "trace", "other"), 0, "reproducible"),
    Use(("python", "-c", "import reproaudit; print(reproaudit.__version__)"), 0, __version__),
)


def list_contents(archive: Path) -> dict[str, int]:
    """Return the bytes of each file in a wheel or a sdist, unpacked."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            return {one.filename: one.file_size for one in opened.infolist()}
    with tarfile.open(archive) as opened:
        return {one.name.partition("/")[2]: one.size for one in opened.getmembers()}


def show_contents(archive: Path) -> str:
    """Return a sentence of how much of it is what."""
    contents = list_contents(archive)
    folders: Counter[str] = Counter()
    for name, size in contents.items():
        parts = name.split("/")
        folders["/".join(parts[: 2 if parts[0] == "reproaudit" and len(parts) > 2 else 1])] += size
    largest = folders.most_common(LARGEST_FOLDERS)
    shown = ", ".join(f"`{name}` {size // 1024:,} KiB" for name, size in largest)
    return (
        f"`{archive.name}`: {archive.stat().st_size:,} bytes, {len(contents)} files, "
        f"{sum(contents.values()) // 1024:,} KiB unpacked; the most of it: {shown}."
    )


class Environment:
    """A venv with torch and nothing else, and a folder beside it that programs are audited in."""

    def __init__(self, folder: Path, torch: str) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        for name, seed in (("equal.py", "torch.manual_seed(0)"), ("differs.py", "")):
            (self.work / name).write_text(PROGRAM.format(seed=seed))
        self.bin = folder / "venv" / "bin"
        subprocess.run([sys.executable, "-m", "venv", str(self.bin.parent)], check=True)
        self._must("pip", "install", "-q", "-c", str(ROOT / "constraints.txt"), f"torch=={torch}")

    def call(self, *words: str) -> Ending:
        """Run a command whose first word is looked for in the environment."""
        path = f"{self.bin}:/usr/bin:/bin"
        command = [str(self.bin / words[0]), *words[1:]]
        return run(command, self.work, environment={**VARIABLES, "PATH": path})

    def list_packages(self) -> set[str]:
        return set(self._must("pip", "freeze", "--all").splitlines())

    def find_files(self) -> set[str]:
        """Return the files that are called after us, wherever in the environment they lie."""
        root = self.bin.parent
        found = (path for path in root.rglob("*") if "reproaudit" in path.name)
        return {path.relative_to(root).as_posix() for path in found if path.is_file()}

    def _must(self, *words: str) -> str:
        ending = self.call(*words)
        if ending.code:
            raise SystemExit(f"{' '.join(words)}: {ending.err_text}")
        return ending.out_text


def try_archive(archive: Path, torch: str) -> Iterator[Tried]:
    """Yield what came of installing it, of each use, and of removing it."""
    with tempfile.TemporaryDirectory(prefix="installed-") as text:
        folder = Path(text)
        place = Environment(folder, torch)
        before = place.list_packages()
        yield _judge_plan(archive, place, before)
        done = place.call("pip", "install", "-q", str(archive))
        added = place.list_packages() - before
        faults = [] if done.code == 0 else [done.err_text]
        if before - place.list_packages():
            faults.append(f"changed {before - place.list_packages()}")
        shown = ", ".join(sorted(line.partition(" @")[0] for line in added))
        yield Tried(f"{archive.suffix}: pip install", (f"added {shown}",), tuple(faults))
        for use in USES:
            if use.words[1:2] == ("compare",):
                (place.work / "trace").rename(place.work / "other")
                place.call("reproaudit", "record", "--out", "trace", "equal.py")
            yield _judge_use(archive, use, place.call(*use.words), folder)
        place.call("pip", "uninstall", "-q", "-y", "reproaudit")
        left = place.find_files()
        said = "nothing left" if not left else f"left {sorted(left)}"
        yield Tried(f"{archive.suffix}: pip uninstall", (said,), (said,) if left else ())


def _judge_plan(archive: Path, place: Environment, before: set[str]) -> Tried:
    """Say what pip would do, without doing it."""
    words = ("pip", "install", "-q", "--dry-run", "--report", "-", str(archive))
    ending = place.call(*words)
    name = f"{archive.suffix}: pip install --dry-run"
    if ending.code:
        return Tried(name, ("",), (ending.err_text,))
    plan = json.loads(ending.out_text)["install"]
    wanted = sorted(f"{one['metadata']['name']} {one['metadata']['version']}" for one in plan)
    there = {line.partition("==")[0].lower() for line in before}
    changed = [one for one in wanted if one.partition(" ")[0].lower() in there]
    faults = [f"would replace {', '.join(changed)}"] if changed else []
    return Tried(name, (f"would install {', '.join(wanted)}",), tuple(faults))


def _judge_use(archive: Path, use: Use, ending: Ending, folder: Path) -> Tried:
    faults = ending.find_faults()
    if ending.code != use.code:
        faults.append(f"exit code {ending.code} instead of {use.code}: {ending.err_text[-200:]}")
    if use.says not in ending.out_text:
        faults.append(f"{use.says!r} is not said")
    if "entered-through-path" in ending.out_text or "PYTHONPATH" in ending.out_text:
        faults.append("interpreters were entered through PYTHONPATH")
    said = (ending.out_text.strip().splitlines() or [""])[0]
    shown = scrub(f"{ending.code}: {said}", folder)
    clean = tuple(scrub(fault, folder) for fault in faults)
    return Tried(f"{archive.suffix}: `{scrub(' '.join(use.words), folder)}`", (shown,), clean)


def try_sizes(archives: Sequence[Path]) -> Iterator[Tried]:
    for archive in archives:
        size = archive.stat().st_size
        faults = (f"more than {MOST_BYTES:,} bytes",) if size > MOST_BYTES else ()
        yield Tried(f"{archive.suffix}: size", (f"{size:,} bytes",), faults)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    parser.add_argument("--torch", default="2.13.0")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "wheel")
    options = parser.parse_args()
    adopt_orphans()
    heed_signals()
    archives = [*sorted(options.dist.glob("*.whl")), *sorted(options.dist.glob("*.tar.gz"))]
    if len(archives) != 2:
        raise SystemExit(f"one wheel and one sdist are wanted in {options.dist}: make wheel")
    rows = [tell(row) for row in try_sizes(archives)]
    for archive in archives:
        for row in try_archive(archive.absolute(), options.torch):
            rows.append(tell(row))
    about = (
        "Wheel and sdist, installed and used",
        "Each was installed into a venv that had torch and nothing else, from an empty folder.",
        *(show_contents(archive) for archive in archives),
    )
    columns = ("what", "exit code and first line")
    table = Table("README", about, columns, command="make wheel", passed="as it should be")
    return table.write(rows, options.out)


if __name__ == "__main__":
    sys.exit(main())
