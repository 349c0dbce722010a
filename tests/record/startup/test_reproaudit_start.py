"""The files that interpreters read when they start: what they enter, and how often."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from reproaudit.startup import ENTRY_VARIABLE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[3]
STARTUP = ROOT / "reproaudit" / "record" / "startup"
ENTRY = "def start():\n    print('entered')\n"


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """What stands in for the recorder."""
    path = tmp_path / "entry.py"
    path.write_text(ENTRY, encoding="utf-8")
    return path


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of an environment that has what the wheel puts beside the packages."""
    venv.create(tmp_path / "env", with_pip=False)
    (packages,) = (tmp_path / "env").glob("lib/python*/site-packages")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, target in wheel["force-include"].items():
        shutil.copy(ROOT / source, packages / target)
    return tmp_path / "env" / "bin" / "python"


def start(python: Path, *words: str, **variables: str) -> str:
    environment = {"PATH": os.defpath, **variables}
    words = words or ("-c", "pass")
    return subprocess.run(
        [python, *words], env=environment, capture_output=True, text=True, check=True, timeout=100
    ).stdout


@pytest.mark.parametrize("words", [(), ("-I", "-c", "pass"), ("-E", "-c", "pass")])
def test_an_interpreter_enters_once_what_the_variable_names(
    python: Path, entry: Path, words: tuple[str, ...]
) -> None:
    assert start(python, *words, **{ENTRY_VARIABLE: str(entry)}) == "entered\n"


def test_without_the_variable_nothing_is_imported(python: Path) -> None:
    ask = "import sys; print('_reproaudit_start' in sys.modules)"
    assert start(python, "-c", ask) == "False\n"


def test_what_outlives_its_audit_goes_on_without_it(python: Path, tmp_path: Path) -> None:
    assert start(python, **{ENTRY_VARIABLE: str(tmp_path / "gone.py")}) == ""


def test_the_names_of_the_entry_points_are_those_of_the_module(python: Path) -> None:
    named = (STARTUP / "reproaudit.start").read_text(encoding="utf-8").strip()
    module, _, function = named.partition(":")
    code = f"import {module}; print(callable({module}.{function}))"
    assert start(python, "-c", code) == "True\n"


@pytest.mark.parametrize("is_wheel", [False, True])
def test_elsewhere_it_is_found_through_the_path_and_hides_nothing(
    tmp_path: Path, entry: Path, is_wheel: bool
) -> None:
    elsewhere = STARTUP / "elsewhere"
    if is_wheel:
        elsewhere = tmp_path / "reproaudit" / "record" / "startup" / "elsewhere"
        shutil.copytree(STARTUP / "elsewhere", elsewhere)
        shutil.copy(STARTUP / "_reproaudit_start.py", tmp_path)
    (tmp_path / "theirs").mkdir()
    theirs = tmp_path / "theirs" / "sitecustomize.py"
    theirs.write_text("print('theirs')\n", encoding="utf-8")
    path = os.pathsep.join([str(elsewhere), str(theirs.parent)])
    variables = {ENTRY_VARIABLE: str(entry), "PYTHONPATH": path}
    ask = f"import sys; print({str(elsewhere)!r} in sys.path)"
    found = start(Path(sys.executable), "-S", "-c", f"import sitecustomize; {ask}", **variables)
    assert found == "entered\ntheirs\nFalse\n"
