"""The commands to type next mean in a shell what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.config.subject import InputSpec, SubjectKind, SubjectSpec
from reproaudit.experiment.next_commands import suggest_commands, write_command
from reproaudit.model.result import Finding, Fix
from tests.report.cases import INDEX_PUT

SUBJECT = SubjectSpec(SubjectKind.SCRIPT, Path("here"), path="my train.py")


@pytest.mark.parametrize(
    ("path", "argv", "command"),
    [
        ("train.py", (), "reproaudit --seed 3 --runs 20 train.py"),
        ("my runs/a'b.py", (), """reproaudit --seed 3 --runs 20 'my runs/a'"'"'b.py'"""),
        ("train.py", ("x", "*.txt"), "reproaudit --seed 3 --runs 20 train.py x '*.txt'"),
        ("train.py", ("--seed", "1"), "reproaudit --seed 3 --runs 20 -- train.py --seed 1"),
    ],
)
def test_a_command_means_the_same_in_a_shell(
    path: str, argv: tuple[str, ...], command: str
) -> None:
    subject = SubjectSpec(SubjectKind.SCRIPT, Path("here"), path=path, argv=argv)
    assert write_command(subject, ("--seed", "3"), ("--runs", "20")) == command


@pytest.mark.parametrize("given", [("--rate", "0.05"), ("--budget", "5s"), ("--budget=5s",)])
def test_more_runs_are_suggested_without_what_allows_fewer(given: tuple[str, ...]) -> None:
    assert write_command(SUBJECT, given, ("--runs", "20")) == "reproaudit --runs 20 'my train.py'"
    kept = write_command(SUBJECT, given, ("--intervene", "hash.seed"))
    assert given[0] in kept.split()


def test_the_inputs_of_a_module_are_in_its_command() -> None:
    subject = SubjectSpec(
        SubjectKind.ATTRIBUTE,
        Path("here"),
        path="net.py",
        attribute="Net",
        inputs=(InputSpec("float32", (8, 3)), InputSpec("int64", ())),
    )
    assert write_command(subject) == (
        "reproaudit --inputs 'float32[8,3]' --inputs 'int64[]' net.py::Net"
    )


def suggest(*findings: Finding, is_reproducible: bool = False) -> tuple[str, ...]:
    return suggest_commands(
        SUBJECT,
        ("--env", "A=b c"),
        findings,
        more_runs=20,
        is_reproducible=is_reproducible,
    )


def test_a_fix_is_suggested_once_with_the_options_that_were_given() -> None:
    fixed = replace(INDEX_PUT, fix=Fix(("hash.seed", "threads.one")))
    assert suggest(fixed, fixed) == (
        "reproaudit explain RA401",
        "reproaudit --env 'A=b c' --intervene hash.seed --intervene threads.one 'my train.py'",
    )


def test_a_patch_that_was_run_comes_first() -> None:
    patched = replace(INDEX_PUT, fix=Fix(("hash.seed",), patch_verified=True))
    assert suggest(patched)[0].startswith("patch -p0 < fix.patch  #")


DIFF = ("--- train.py", "+++ train.py")
DIFF_ABOVE = ('--- "../../my lib/data.py"', '+++ "../../my lib/data.py"')


@pytest.mark.parametrize(
    ("fix", "file", "command"),
    [
        (Fix(patch=DIFF, patch_verified=True, patch_runs=3), "my.patch", "patch -p0 < my.patch"),
        (
            Fix(patch=DIFF_ABOVE, patch_verified=True),
            "my.patch",
            "patch -p2 -d ../.. < my.patch",
        ),
        (Fix(patch=DIFF), "a b", "patch -p0 < 'a b'  # not run: look at it first"),
        (
            Fix(patch=DIFF, patch_note="not run: it needs a file that is not there"),
            "",
            "patch -p0 < fix.patch  # not run: look at it first; --report patch=fix.patch writes "
            "it",
        ),
    ],
    ids=["verified", "above", "not run", "not run, not written"],
)
def test_the_patch_is_applied_from_the_file_that_the_user_named(
    fix: Fix, file: str, command: str
) -> None:
    patched = replace(INDEX_PUT, fix=fix)
    made = suggest_commands(
        SUBJECT, (), [patched], more_runs=20, is_reproducible=False, patch_file=file
    )
    assert made[0] == command


def test_a_patch_of_a_program_elsewhere_is_applied_in_its_folder() -> None:
    patched = replace(INDEX_PUT, fix=Fix(patch=DIFF, patch_verified=True))
    subject = replace(SUBJECT, path="../my lib/train.py")
    made = suggest_commands(
        subject, (), [patched], more_runs=20, is_reproducible=False, patch_file="my.patch"
    )
    assert made[0] == "patch -p0 -d '../my lib' < my.patch"


def test_a_patch_under_which_runs_differed_and_lines_to_write_by_hand_are_not_suggested() -> None:
    for fix in (Fix(patch=DIFF, patch_runs=2), Fix(patch=("seed()",))):
        assert suggest(replace(INDEX_PUT, fix=fix))[0] == "reproaudit explain RA401"


def test_without_a_fix_more_runs_are_suggested() -> None:
    again = "reproaudit --env 'A=b c' --runs 20 'my train.py'"
    assert suggest(is_reproducible=True) == (again,)
    assert suggest(replace(INDEX_PUT, fix=None)) == ("reproaudit explain RA401", again)


@pytest.mark.parametrize("given", [("--steps", "12", "--quiet"), ("--steps=12", "--quiet")])
def test_an_option_is_not_given_twice(given: tuple[str, ...]) -> None:
    command = write_command(SUBJECT, given, ("--steps", "all"))
    assert command == "reproaudit --quiet --steps all 'my train.py'"


def test_an_intervention_is_added_to_those_that_were_given() -> None:
    given = ("--intervene", "seed.torch")
    command = write_command(SUBJECT, given, ("--intervene", "hash.seed"))
    assert command == "reproaudit --intervene seed.torch --intervene hash.seed 'my train.py'"


def test_after_a_first_look_the_whole_audit_comes_next() -> None:
    untried = replace(INDEX_PUT, fix=Fix(advice="use another operator"))
    commands = suggest_commands(
        SUBJECT, (), [untried], more_runs=12, is_reproducible=False, was_glance=True
    )
    assert commands[-1] == "reproaudit 'my train.py'"
