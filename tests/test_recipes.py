"""Whether the recipes of CONTRIBUTING.md work as they stand there: they are carried out in a
copy."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_house import ROOT, relative, text_of, tracked_files

BLOCK = re.compile(
    r"(?:New file `(?P<path>[^`]+)`:\n\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL
)
NEEDED = ("reproaudit/", "tests/", "benchmarks/", "conftest.py", "pyproject.toml")
TESTS = (
    ("tests/report/test_registry.py", "-k", "csv", "-m", "not slow"),
    ("tests/record/outside/test_resource_calls.py", "tests/record/repairs/test_resource_usage.py"),
    ("tests/knowledge/test_rules.py", "tests/knowledge/test_interventions.py", "-m", "not slow"),
    ("tests/config/test_launcher.py", "tests/runs/executors/test_registry.py"),
)
LOOKS = """
import sys
sys.path.insert(0, "benchmarks")
from pathlib import Path
from launchers import list_cases
from reproaudit.codec import parse_json
from reproaudit.config.execution import EXECUTORS
from reproaudit.runs.executors.registry import make_executor
from tests.runs.executors.test_registry import order_in
assert "srun" in [case.name for case in list_cases()]
assert "idle" in EXECUTORS
assert make_executor(order_in(Path(), "idle", jobs=2)).width == 2
schema = parse_json(Path("reproaudit/report/result_schema.json").read_text())
assert "resource-use" in str(schema)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository in which each recipe was carried out."""
    folder = tmp_path_factory.mktemp("recipes")
    for path in tracked_files():
        if relative(path).startswith(NEEDED):
            (folder / relative(path)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / relative(path))
    for block in BLOCK.finditer(text_of(ROOT / "CONTRIBUTING.md")):
        if block["path"]:
            (folder / block["path"]).write_text(block["text"], encoding="utf-8")
        elif block["kind"] == "diff":
            patch = ["patch", "-p1", "--batch", "--fuzz=0"]
            done = subprocess.run(
                patch, cwd=folder, input=block["text"], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{block['text']}\n{done.stdout}"
    return folder


def run(copy: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, *words], cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("tests", TESTS, ids=lambda tests: tests[0])
def test_what_a_recipe_adds_passes_the_tests_of_its_room(
    copy: Path, tests: tuple[str, ...]
) -> None:
    run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)


@pytest.mark.slow
def test_what_a_recipe_adds_is_found_in_its_table(copy: Path) -> None:
    run(copy, "-c", LOOKS)


@pytest.mark.slow
def test_a_cause_and_an_intervention_of_a_recipe_are_explained(copy: Path) -> None:
    for name in ("resource-use", "usage.fixed"):
        run(copy, "-m", "reproaudit", "explain", name)


def test_each_room_of_the_package_is_in_the_table_of_rooms() -> None:
    table = text_of(ROOT / "CONTRIBUTING.md").partition("| room of")[2].partition("\n\n")[0]
    rooms = {
        name
        for cell in re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)/?`", cell)
    }
    package = {
        relative(path).split("/")[1]
        for path in tracked_files()
        if relative(path).startswith("reproaudit/")
    }
    there = {name.removesuffix(".py") for name in package} - {"__init__", "__main__", "py.typed"}
    assert rooms == there
