"""What continuous integration installs before it runs the tests, with an `apt-get` that only notes
what it is asked."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BASH = shutil.which("bash")
TOOLS = ("bash", "dirname", "env", "id")

Runner = Callable[..., list[str]]


@pytest.fixture
def run_ci(tmp_path: Path) -> Runner:
    """Run `.ci/run` on a machine that has the programs named; return the commands that it ran."""

    def run(*there: str, fails: str = "nothing") -> list[str]:
        folder, log = tmp_path / "bin", tmp_path / "log"
        folder.mkdir()
        for name in TOOLS:
            (folder / name).symlink_to(shutil.which(name) or pytest.fail(f"there is no {name}"))
        for name in ("apt-get", "sudo", "make", *there):
            program = folder / name
            program.write_text(
                f'#!{BASH}\necho "{name} $*" >> "{log}"\n'
                f'case "{name} $*" in *{fails}*) [ "$(< "{log}")" != "{name} $*" ];; esac\n'
            )
            program.chmod(0o755)
        subprocess.run(
            [ROOT / ".ci" / "run"], env={"PATH": str(folder)}, check=True, capture_output=True
        )
        return [
            line.removeprefix("sudo env DEBIAN_FRONTEND=noninteractive ")
            for line in log.read_text().splitlines()
        ]

    return run


def test_where_all_is_there_nothing_is_installed(run_ci: Runner) -> None:
    assert run_ci("chromedriver", "npm") == ["make test"]


@pytest.mark.parametrize(
    ("there", "installed"),
    [
        (("npm",), "chromium chromium-driver"),
        (("chromedriver",), "nodejs npm"),
        ((), "chromium chromium-driver nodejs npm"),
    ],
)
def test_what_is_missing_is_installed(
    run_ci: Runner, there: tuple[str, ...], installed: str
) -> None:
    install = f"apt-get -q install --yes --no-install-recommends {installed}"
    assert run_ci(*there) == [install, "make test"]


def test_lists_of_packages_are_fetched_only_after_a_failure(run_ci: Runner) -> None:
    install = "apt-get -q install --yes --no-install-recommends chromium chromium-driver"
    assert run_ci("npm", fails="install") == [install, "apt-get -q update", install, "make test"]
