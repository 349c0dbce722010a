"""What is written to run under again: valid instructions, a lock that pip takes, what is open."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from reproaudit.config.settings import Settings
from reproaudit.errors import UsageError
from reproaudit.manifest.collect import CollectOptions, collect_manifest
from reproaudit.manifest.dockerfile import write_dockerfile, write_files, write_lock
from reproaudit.manifest.model import Command, Manifest, Package, Python
from tests.manifest.manifests import FULL, MINIMAL, PATCH

EVIL = 'x"\nRUN rm -rf /\n$HOME \\'


def parse_dockerfile(text: str) -> list[tuple[str, str]]:
    """Return the instructions, each checked as its own syntax wants it."""
    instructions = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        assert not line.endswith("\\"), "no instruction goes on in the next line"
        word, _, rest = line.partition(" ")
        instructions.append((word, rest))
        if word == "FROM":
            assert re.fullmatch(r"[a-z]+:[A-Za-z0-9.-]+", rest)
        elif word == "ENV":
            (pair,) = shlex.split(rest)
            assert re.match(r"[A-Za-z_]\w*=", pair)
        elif word == "CMD":
            assert all(isinstance(one, str) for one in json.loads(rest))
        elif word == "COPY":
            assert len(rest.split()) == 2
        else:
            assert word in ("WORKDIR", "RUN"), word
    assert instructions[0][0] == "FROM"
    return instructions


@pytest.mark.parametrize("manifest", [MINIMAL, FULL])
def test_a_dockerfile_holds_only_valid_instructions(manifest: Manifest) -> None:
    found = parse_dockerfile(write_dockerfile(manifest))
    assert found[0] == ("FROM", "python:3.11.7-slim")
    assert ("COPY", "requirements.lock ./") in found


def test_variables_folder_and_command_are_those_of_the_run() -> None:
    found = parse_dockerfile(write_dockerfile(FULL))
    assert ("ENV", 'OMP_NUM_THREADS="4"') in found
    assert found[-2:] == [
        ("WORKDIR", "/project/sub"),
        ("CMD", '["python", "train.py", "--lr", "0.1"]'),
    ]


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("-m package.train", ["python", "-m", "package.train"]),
        ("torchrun", ["torchrun"]),
        ("train.py::step", None),
        ("a.ipynb", None),
    ],
)
def test_what_is_no_program_is_a_comment(subject: str, words: list[str] | None) -> None:
    text = write_dockerfile(replace(MINIMAL, command=Command(subject)))
    commands = [json.loads(rest) for word, rest in parse_dockerfile(text) if word == "CMD"]
    assert commands == ([] if words is None else [words])
    assert words or f"no program by itself: {subject}" in text


def test_what_an_image_cannot_hold_is_said() -> None:
    text = write_dockerfile(replace(FULL, settings=Settings(seed=3)))
    for said in (
        "Not pinned: the processor; it was Some CPU, AVX512",
        "Some GPU, Some GPU, and 560.1",
        "Not pinned: the kernel; it was Linux 6.1",
        "Some Linux 12, glibc 2.36",
        "1 untracked files, known by their digests alone",
        "see requirements.lock",
        "seed = 3, which reproaudit sets itself",
        "git apply changes.patch",
    ):
        assert said in text


def test_uncommitted_changes_are_a_file_beside_it_unless_they_were_cut() -> None:
    assert write_files(FULL)["changes.patch"] == PATCH
    cut = replace(FULL, code=replace(FULL.code, patch_bytes=10**6))
    assert "changes.patch" not in write_files(cut)
    assert "too many to be kept" in write_dockerfile(cut)
    assert "git apply" not in write_dockerfile(cut)


def requirements(lock: str) -> dict[str, str]:
    lines = [Requirement(line) for line in lock.splitlines() if not line.startswith("#")]
    return {line.name: str(line.specifier) for line in lines}


def test_the_lock_pins_what_indexes_have_and_names_the_rest() -> None:
    commit = "c" * 40
    packages = (
        *FULL.packages,
        Package("cloned", "1.0", "git", "https://example.org/x.git", commit),
        Package("archived", "1.0", "archive", "https://example.org/x.whl"),
        Package("odd", "1.0", "unreadable"),
        Package("pip", "26.0"),
    )
    lock = write_lock(replace(FULL, packages=packages))
    assert requirements(lock) == {
        "numpy": "==2.4.6",
        "pytest": "==9.2.0",
        "torch": "==2.13.0+cu126",
    }
    assert "# --extra-index-url <index of the cu126 builds>" in lock
    assert f"cloned @ git+https://example.org/x.git@{commit}" in lock
    assert "archived @ https://example.org/x.whl" in lock
    assert f"ours==1.0 from file:///ours at {'a' * 40}, with uncommitted changes" in lock
    assert "nobody knows where it came from: odd==1.0" in lock


def test_nothing_that_a_stranger_wrote_becomes_an_instruction_or_a_requirement() -> None:
    hostile = replace(
        FULL,
        packages=(
            Package(EVIL, "1"),
            Package("a", EVIL),
            Package("-r", "1"),
            Package("b", "1", EVIL, EVIL, EVIL),
        ),
        variables=((EVIL, "1"), ("A", EVIL), ("B", '$HOME "\\')),
        settings=Settings(env=(("C", EVIL),)),
        command=Command(EVIL, (EVIL,), "../../etc"),
        system=replace(FULL.system, distribution=EVIL),
    )
    text = write_dockerfile(hostile)
    found = parse_dockerfile(text)
    assert [word for word, _ in found] == "FROM ENV WORKDIR COPY RUN COPY CMD".split()
    assert found[1] == ("ENV", r'B="\$HOME \"\\"')
    assert requirements(write_lock(hostile)) == {}


def test_secrets_that_were_withheld_are_to_be_set_by_hand() -> None:
    settings = Settings(env=(("API_KEY", "(withheld)"), ("DB", "redis://(withheld)@host")))
    command = Command("train.py", ("--token", "(withheld)"))
    text = write_dockerfile(replace(MINIMAL, settings=settings, command=command))
    assert "# to be set by hand: API_KEY = (withheld)" in text
    assert "# to be set by hand: DB = redis://(withheld)@host" in text
    assert not [word for word, _ in parse_dockerfile(text) if word == "CMD"]


def test_a_python_that_no_image_has_is_refused() -> None:
    with pytest.raises(UsageError, match="no image has Python"):
        write_dockerfile(replace(MINIMAL, python=Python("3.11\nRUN x", "CPython")))


@pytest.mark.slow
def test_pip_takes_the_lock_of_this_environment(tmp_path: Path) -> None:
    lock = write_lock(collect_manifest(CollectOptions(tmp_path)))
    (tmp_path / "requirements.lock").write_text(lock)
    # What is installed already satisfies every line, so that no index is asked.
    words = "-m pip install --dry-run --no-deps --no-index --quiet --report".split()
    done = subprocess.run(
        [sys.executable, *words, str(tmp_path / "report.json"), "-r", "requirements.lock"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["install"] == []
    assert len(requirements(lock)) > 20
