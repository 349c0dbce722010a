"""What a wheel holds: one is built, without a network, and looked into."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from reproaudit import __version__
from tests.test_house import ROOT, relative, tracked_files

MOST_BYTES = 1_572_864  # 1.5 MiB
EARLIEST = "315532800"  # the first moment that a zip can name
INFO = f"reproaudit-{__version__}.dist-info/"
# What an interpreter reads when it starts has to lie beside the package, too.
AT_TOP = {
    "_reproaudit_start.py": "reproaudit/record/startup/_reproaudit_start.py",
    "reproaudit.pth": "reproaudit/record/startup/reproaudit.pth",
    "reproaudit.start": "reproaudit/record/startup/reproaudit.start",
}
WITHOUT_CODE = (
    "reproaudit/py.typed",
    "reproaudit/report/result_schema.json",
    "reproaudit/report/reproduce.py.txt",
    "reproaudit/report/page/assets/page.css",
    "reproaudit/report/page/assets/vendor/uPlot.iife.min.js",
    "reproaudit/manifest/manifest_schema.json",
    "reproaudit/manifest/comparison_schema.json",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": EARLIEST},
        check=True,
        capture_output=True,
        timeout=100,
    )
    (path,) = folder.iterdir()
    with zipfile.ZipFile(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return message_from_string(wheel.read(f"{INFO}METADATA").decode())


def test_a_wheel_holds_the_package_what_starts_with_an_interpreter_and_nothing_else(
    wheel: zipfile.ZipFile,
) -> None:
    tracked = {relative(path) for path in tracked_files()}
    package = {name for name in tracked if name.startswith("reproaudit/")}
    names = wheel.namelist()
    assert len(names) == len(set(names))
    own = {name for name in names if not name.startswith(INFO)}
    declarations = {name for name in package if name.endswith(".d.ts")}  # for a compiler alone
    assert own == package - set(AT_TOP.values()) - declarations | set(AT_TOP)
    assert set(WITHOUT_CODE) <= own


def test_each_file_of_a_wheel_is_the_one_of_the_repository(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        if not name.startswith(INFO):
            source = ROOT / AT_TOP.get(name, name)
            assert wheel.read(name) == source.read_bytes(), name


def test_a_wheel_is_small_and_for_every_python_3(wheel: zipfile.ZipFile) -> None:
    assert wheel.filename is not None
    assert Path(wheel.filename).name == f"reproaudit-{__version__}-py3-none-any.whl"
    assert Path(wheel.filename).stat().st_size <= MOST_BYTES


def test_a_wheel_brings_its_licence_its_command_and_its_pytest_plugin(
    wheel: zipfile.ZipFile, metadata: Message
) -> None:
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert wheel.read(f"{INFO}licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    entries = wheel.read(f"{INFO}entry_points.txt").decode()
    assert "reproaudit = reproaudit.__main__:main" in entries
    assert "[pytest11]\nreproaudit = reproaudit.pytest_plugin.hooks" in entries


def test_what_a_plain_install_brings_along_has_lower_bounds_alone(metadata: Message) -> None:
    wanted = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    names = [re.split(r"[<>=;\s]", line)[0] for line in wanted]
    assert sorted(names) == ["numpy", "tabulate", "tomli", "torch", "tqdm", "xxhash"]
    # A bound from above would have pip take away the torch that somebody has.
    assert [line for line in wanted if "==" in line or "<" in line.partition(";")[0]] == []
